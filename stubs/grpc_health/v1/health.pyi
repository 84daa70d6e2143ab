from grpc_health.v1 import _async as aio

__all__ = ["aio"]

class HealthServicer:
    def set(self, service: str, status: int) -> None: ...
