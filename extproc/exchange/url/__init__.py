"""What a request's URL asks for, and the one to send to a provider instead."""
