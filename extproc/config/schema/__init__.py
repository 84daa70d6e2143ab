"""The file's shape, as the user writes it."""
