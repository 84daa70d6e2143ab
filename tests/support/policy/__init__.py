"""The policy without anything around it: values, requests played on a clock of their own, and the laws they obey."""
