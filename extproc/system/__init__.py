"""The operating system's interfaces: processes, signals, sockets and ports."""
