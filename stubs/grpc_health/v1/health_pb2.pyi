# What grpcio-health-checking has and we use of: the package ships no types.
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

class HealthCheckRequest(Message):
    service: str
    def __init__(self, *, service: str = ...) -> None: ...

class HealthCheckResponse(Message):
    UNKNOWN: int
    SERVING: int
    NOT_SERVING: int
    SERVICE_UNKNOWN: int
    ServingStatus: EnumTypeWrapper
    status: int
    def __init__(self, *, status: int = ...) -> None: ...
