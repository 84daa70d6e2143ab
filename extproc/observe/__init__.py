"""Log records, and later metrics, made from what was decided."""
