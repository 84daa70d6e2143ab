"""What no answer may be, whatever was said before it, and what no log may hold."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import grpc
from fuzz.configuration import KEYS
from fuzz.conversations import PROCESS, End
from fuzz.values import CANARY
from google.protobuf.message import DecodeError

from extproc import names
from extproc._gen import wire_pb2 as pb
from extproc.exchange.in_flight import InFlight
from extproc.transport.codec.state import decode_state
from extproc.transport.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fuzz.conversations import Conversation
    from fuzz.peer import Heard

    from extproc.policy.attempt_state import AttemptState

_CREDENTIALS = {"authorization", "api-key", "x-api-key"}
_SECRET = b"sk-fuzz-"

_STATUSES = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,  # refused: a message that Envoy cannot mean, or one that cannot come now
    grpc.StatusCode.RESOURCE_EXHAUSTED,  # a message above the limit, or metadata
    grpc.StatusCode.UNIMPLEMENTED,  # another method, or a compression that is not spoken
}

_EVENTS = {"configuration", "ready", "attempt", "stream_refused", "stopping"}

_GONE = "ExecuteBatchError raised in core by servicer method "
"""What gRPC logs when a peer goes while it is told how its stream has ended. Nothing of ours is in that."""


def faults(conversation: Conversation, heard: Heard) -> Iterator[str]:
    """Yield what is wrong with what was *heard* in *conversation*."""
    if not _may_end(conversation, heard):
        yield f"ended: {heard.end}"
    if conversation.method != PROCESS:
        return
    messages = [_asked(message) for message in conversation.messages[: heard.sent + 1]]
    try:
        answers = [pb.ProcessingResponse.FromString(answer) for answer in heard.answers]
    except DecodeError:
        yield "an answer is no ProcessingResponse"
        return
    asked = sum(answer.HasField("mode_override") for answer in answers)
    if len(answers) > len(messages) + asked:
        yield f"{len(answers)} answers to {len(messages)} messages"
    kinds = iter(messages)
    for answer in answers:
        kind = answer.WhichOneof("response")
        if kind != "immediate_response" and kind not in kinds:  # in the order of the messages: this uses them up
            yield f"{kind} answers nothing"
        yield from _wrong(answer)
        yield from _uncounted(answer, attempts=_attempts_before(conversation.messages))


def _may_end(conversation: Conversation, heard: Heard) -> bool:
    """Return whether *conversation* may end as it has: by a status of the server's, or by what the peer did itself."""
    if heard.lost:
        return True  # a fault of ours is in the log all the same
    match heard.status:
        case grpc.StatusCode.CANCELLED:  # a deadline of a millisecond may come as that
            return conversation.end is End.CANCEL or not conversation.patient
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return not conversation.patient
        case grpc.StatusCode.NOT_FOUND:
            return conversation.kind == "health"
        case status:
            return status in _STATUSES


def _asked(message: bytes) -> str | None:
    """Return the kind of *message*; None when it is none."""
    try:
        kind: str | None = pb.ProcessingRequest.FromString(message).WhichOneof("request")
    except DecodeError:
        return None
    return kind


def _attempts_before(messages: Sequence[bytes]) -> int:
    """Return how many attempts the request has cost, by the state that its headers carry; 0: none can be read there."""
    for message in messages:
        with suppress(DecodeError, StateError, UnicodeDecodeError):
            request = pb.ProcessingRequest.FromString(message)
            if request.HasField("request_headers"):
                states = [field for field in request.request_headers.headers.headers if field.key == names.STATE]
                carried = decode_state(states[0].raw_value.decode("latin-1") or states[0].value) if states else None
                return 0 if carried is None else _attempts(carried)
    return 0


def _attempts(state: AttemptState | InFlight) -> int:
    return len(state.state.failures) + 1 if isinstance(state, InFlight) else len(state.failures)


def _uncounted(answer: pb.ProcessingResponse, *, attempts: int) -> Iterator[str]:
    """Yield what is wrong with an attempt of which Envoy does not know, or that forgets those before it.

    Each attempt that names a cluster says what it is, and counts all that were made: that is what bounds their number.
    """
    kind = answer.WhichOneof("response")
    if kind not in {"request_headers", "request_body"}:
        return
    common: pb.CommonResponse = getattr(answer, kind).response
    if all(option.header.key != names.CLUSTER for option in common.header_mutation.set_headers):
        return
    kept = answer.dynamic_metadata.fields[names.STATE_METADATA].struct_value.fields[names.STATE_KEY].string_value
    if kept == names.FINAL:
        return
    try:
        in_flight = decode_state(kept)
    except StateError:
        yield "an attempt of which Envoy is not told what it is"
        return
    if not isinstance(in_flight, InFlight) or _attempts(in_flight) <= attempts:
        yield "an attempt that forgets those before it"


def _wrong(answer: pb.ProcessingResponse) -> Iterator[str]:
    if answer.HasField("immediate_response"):
        immediate = answer.immediate_response
        if not 200 <= immediate.status.code <= 599:
            yield f"an answer of status {immediate.status.code}"
        yield from _wrong_fields(immediate.headers)
        if _SECRET in answer.SerializeToString():
            yield "a key in an answer to the client"
        return
    kind = answer.WhichOneof("response")
    if kind is None:
        yield "an answer of no kind"
        return
    if kind.endswith("trailers"):
        if answer.ByteSize() > 2:
            yield "trailers are changed"
        return
    common: pb.CommonResponse = getattr(answer, kind).response
    fields = common.header_mutation
    yield from _wrong_fields(fields)
    if _SECRET in answer.SerializeToString():
        yield from _wrong_keys(fields, to_provider=kind in {"request_headers", "request_body"}, body=common)


def _wrong_fields(mutation: pb.HeaderMutation) -> Iterator[str]:
    for option in mutation.set_headers:
        name, value = option.header.key, option.header.raw_value
        if any((byte < 32 and byte != 9) or byte == 127 for byte in value):
            yield f"a control character in {name}"
        if name == names.STATE:
            try:
                decode_state(value.decode())
            except StateError:
                yield "a state that cannot be read"


def _wrong_keys(mutation: pb.HeaderMutation, *, to_provider: bool, body: pb.CommonResponse) -> Iterator[str]:
    """Yield where a key stands that may be sent as a credential to its own provider, and nowhere else."""
    fields = {option.header.key: option.header.raw_value.decode("latin-1") for option in mutation.set_headers}
    own = KEYS.get(fields.get(names.CLUSTER, ""), ())
    for name, value in fields.items():
        if _SECRET.decode() in value and not (
            to_provider and name in _CREDENTIALS and value.removeprefix("Bearer ") in own
        ):
            yield f"a key in {name}"
    if _SECRET in body.body_mutation.body or any(_SECRET.decode() in name for name in mutation.remove_headers):
        yield "a key in a body or in a name"


class Log:
    """What a sidecar has logged: *events* by name, and what is wrong with it."""

    def __init__(self, file: Path) -> None:
        self.events: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        with file.open(errors="replace") as lines:
            for line in lines:
                self._read(line)

    def _read(self, line: str) -> None:
        if _SECRET.decode() in line or CANARY in line:
            self.faults["a key, or a piece of a body or of a header"] += 1
        try:
            told = json.loads(line)
        except ValueError:
            self.faults[f"no event: {line[:300]!r}"] += 1
            return
        event = str(told["event"])
        self.events[event] += 1
        if event == "stream_refused":
            self.refused[f"{told['error']} at {told['at'].partition(' < ')[0]}"] += 1
        elif event not in _EVENTS and not event.startswith(_GONE):
            self.faults[f"{event[:100]}: {told.get('error')} at {told.get('at')}"] += 1
