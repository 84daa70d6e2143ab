"""What is asked of the operating system: processes, signals, sockets and ports."""
