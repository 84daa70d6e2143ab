"""The only code that knows gRPC and protobuf."""
