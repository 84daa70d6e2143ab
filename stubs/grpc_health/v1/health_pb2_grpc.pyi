from typing import Any

import grpc
import grpc.aio

class HealthStub:
    # Of which kind they are, and what they return, depends on the channel.
    Check: Any
    Watch: Any
    def __init__(self, channel: grpc.Channel | grpc.aio.Channel) -> None: ...

def add_HealthServicer_to_server(servicer: object, server: grpc.Server | grpc.aio.Server) -> None: ...
