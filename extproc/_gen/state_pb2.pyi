from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AttemptState(_message.Message):
    __slots__ = ("primary", "began", "deadline", "next", "failures", "first_failure", "round", "round_start", "blocks", "slow", "body_sha256", "in_flight", "freedom", "body_length")
    PRIMARY_FIELD_NUMBER: _ClassVar[int]
    BEGAN_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    FIRST_FAILURE_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    ROUND_START_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    SLOW_FIELD_NUMBER: _ClassVar[int]
    BODY_SHA256_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    FREEDOM_FIELD_NUMBER: _ClassVar[int]
    BODY_LENGTH_FIELD_NUMBER: _ClassVar[int]
    primary: bytes
    began: int
    deadline: int
    next: NextAttempt
    failures: _containers.RepeatedCompositeFieldContainer[FailedAttempt]
    first_failure: int
    round: int
    round_start: int
    blocks: _containers.RepeatedCompositeFieldContainer[Block]
    slow: _containers.RepeatedScalarFieldContainer[bytes]
    body_sha256: bytes
    in_flight: InFlight
    freedom: str
    body_length: int
    def __init__(self, primary: _Optional[bytes] = ..., began: _Optional[int] = ..., deadline: _Optional[int] = ..., next: _Optional[_Union[NextAttempt, _Mapping]] = ..., failures: _Optional[_Iterable[_Union[FailedAttempt, _Mapping]]] = ..., first_failure: _Optional[int] = ..., round: _Optional[int] = ..., round_start: _Optional[int] = ..., blocks: _Optional[_Iterable[_Union[Block, _Mapping]]] = ..., slow: _Optional[_Iterable[bytes]] = ..., body_sha256: _Optional[bytes] = ..., in_flight: _Optional[_Union[InFlight, _Mapping]] = ..., freedom: _Optional[str] = ..., body_length: _Optional[int] = ...) -> None: ...

class InFlight(_message.Message):
    __slots__ = ("sent", "limit", "outcome", "duration")
    SENT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    sent: int
    limit: int
    outcome: Outcome
    duration: int
    def __init__(self, sent: _Optional[int] = ..., limit: _Optional[int] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ..., duration: _Optional[int] = ...) -> None: ...

class NextAttempt(_message.Message):
    __slots__ = ("target", "not_before", "reason", "key", "waited")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    WAITED_FIELD_NUMBER: _ClassVar[int]
    target: bytes
    not_before: int
    reason: str
    key: int
    waited: int
    def __init__(self, target: _Optional[bytes] = ..., not_before: _Optional[int] = ..., reason: _Optional[str] = ..., key: _Optional[int] = ..., waited: _Optional[int] = ...) -> None: ...

class FailedAttempt(_message.Message):
    __slots__ = ("target", "outcome", "rule", "key", "waited", "duration")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    WAITED_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    target: bytes
    outcome: Outcome
    rule: str
    key: int
    waited: int
    duration: int
    def __init__(self, target: _Optional[bytes] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ..., rule: _Optional[str] = ..., key: _Optional[int] = ..., waited: _Optional[int] = ..., duration: _Optional[int] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("kind", "status", "retry_after", "limit", "refusal")
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    kind: str
    status: int
    retry_after: int
    limit: int
    refusal: str
    def __init__(self, kind: _Optional[str] = ..., status: _Optional[int] = ..., retry_after: _Optional[int] = ..., limit: _Optional[int] = ..., refusal: _Optional[str] = ...) -> None: ...

class Block(_message.Message):
    __slots__ = ("kind", "subject", "until")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    kind: str
    subject: bytes
    until: int
    def __init__(self, kind: _Optional[str] = ..., subject: _Optional[bytes] = ..., until: _Optional[int] = ...) -> None: ...
