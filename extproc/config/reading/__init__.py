"""From the file's text to plain values."""
