"""The only code that knows gRPC and protobuf."""

import os

# Read once, when gRPC is loaded. Its core would write what peers say at their good-bye to our log, as they have put it:
# lines that pass for ours.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
