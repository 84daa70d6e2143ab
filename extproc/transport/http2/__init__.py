"""The server's side of HTTP/2 (RFC 9113), as much of it as gRPC needs: bytes in, bytes out, no I/O."""
