"""What bodies say, and the same bytes with another model's name."""
