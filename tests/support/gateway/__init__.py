"""`extproc` as a user starts it, between clients and scripted providers."""
