"""The only code that knows gRPC and protobuf."""

import os

# Read once, when gRPC is loaded. Its core would write the debug data of peers' GOAWAY frames to our log as they are:
# lines that pass for ours.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
