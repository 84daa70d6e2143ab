"""From the file's shape to the program's."""
