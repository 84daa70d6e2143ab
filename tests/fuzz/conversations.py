"""What one peer does on one stream: a value, made from the seed of the run and the number of the stream."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import TYPE_CHECKING

from fuzz import bodies
from fuzz.messages import request_headers, response_body, response_headers, stray, unknown_fields
from fuzz.states import is_held
from fuzz.values import CANARY, damaged, one_in, raw, text
from support.sidecar.ext_proc import request_body

from extproc.transport.service import METHOD, SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from extproc._gen import wire_pb2 as pb

PROCESS = f"/{SERVICE}/{METHOD}"

PATIENCE = 30.0
"""Seconds after which a stream hangs: nothing here makes a sidecar wait for more than one or two."""

_ELSEWHERE = (
    f"/{SERVICE}/Nothing",
    "/envoy.service.ext_proc.v3.Nobody/Process",
    "/nobody",
    f"/{SERVICE}/{METHOD}/{METHOD}",
    "/" + "x" * 2_000,
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
)
_HEALTH = ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch", "/grpc.health.v1.Health/List")
_HEALTH_ASKED = (b"", b"\x0a\x00", b"\x0a\x06nobody", b"\x0a\xff", b"\x0a\x02\xff\xfe", b"\xff\xff\xff")


class End(Enum):
    """How a peer leaves."""

    CLOSE = "close"  # it has said everything, and hears the rest
    CANCEL = "cancel"  # it hangs up
    LINGER = "linger"  # it says nothing more, until its own deadline


@dataclass(frozen=True, slots=True)
class Conversation:
    """One stream.

    *in_turn*: the peer hears the answer to each message before it sends the next one. *content*: it says nothing more
    when it has been told what to answer the client. Envoy is both.
    """

    kind: str
    messages: tuple[bytes, ...]
    method: str = PROCESS
    in_turn: bool = True
    content: bool = False
    end: End = End.CLOSE
    deadline: float = PATIENCE
    metadata: tuple[tuple[str, str | bytes], ...] = ()
    compressed: bool = False

    @property
    def patient(self) -> bool:
        """Whether it must have ended before its deadline."""
        return self.deadline == PATIENCE


def conversation(seed: int, number: int, *, now: int) -> Conversation:
    """Return what the peer of stream *number* does in the run of *seed*; nothing else in it is random."""
    return drawn(Random(f"{seed} {number}"), now=now)  # noqa: S311 - not for secrets


def drawn(rng: Random, *, now: int) -> Conversation:
    """Return any conversation."""
    kind = rng.choices(tuple(KINDS), _WEIGHTS)[0]
    return KINDS[kind](rng, now)


def _valid(rng: Random, now: int) -> Conversation:
    """Return all that Envoy says of an attempt, in its order; what it says is as odd as it may be."""
    return Conversation("valid", _bytes(_attempt(rng, now)), content=not one_in(rng, 8), end=_end(rng))


def _reordered(rng: Random, now: int) -> Conversation:
    """Return the messages of one or two attempts, some missing, doubled, strange, or not where they belong."""
    messages = [*_attempt(rng, now), *(_attempt(rng, now) if one_in(rng, 3) else ())]
    for _ in range(1 + rng.randrange(3)):
        at = rng.randrange(len(messages) + 1)
        match rng.randrange(4):
            case 0:
                del messages[at : at + 1]
            case 1:
                messages[at:at] = messages[at : at + 1]
            case 2:
                messages.insert(at, stray(rng))
            case _:
                rng.shuffle(messages)
    return Conversation("reordered", _bytes(messages), in_turn=one_in(rng, 2), end=_end(rng))


def _strays(rng: Random, now: int) -> Conversation:  # noqa: ARG001 - each kind is drawn alike
    """Return messages that have nothing to do with each other."""
    messages = [stray(rng) for _ in range(rng.randrange(8))]
    return Conversation("strays", _bytes(messages), in_turn=one_in(rng, 2), end=_end(rng))


def _spoilt(rng: Random, now: int) -> Conversation:
    """Return an attempt with one message damaged on the way, or with more in it than we know."""
    messages = list(_bytes(_attempt(rng, now)))
    at = rng.randrange(len(messages))
    messages[at] = rng.choice((damaged, damaged, unknown_fields))(rng, messages[at])
    deadline = 0.1 if is_held(messages[at], now) else PATIENCE
    in_turn, end = one_in(rng, 2), _end(rng)
    return Conversation("spoilt", tuple(messages), in_turn=in_turn, content=True, end=end, deadline=deadline)


def _noise(rng: Random, now: int) -> Conversation:  # noqa: ARG001
    """Return bytes."""
    messages = tuple(raw(rng, 300) for _ in range(1 + rng.randrange(3)))
    return Conversation("noise", messages, in_turn=one_in(rng, 2), end=_end(rng))


def _held(rng: Random, now: int) -> Conversation:
    """Return an attempt that may be held for ever, by a peer that does not like to wait for long."""
    messages = _bytes(_attempt(rng, now, patient=False))
    end = rng.choice((End.CLOSE, End.CANCEL, End.LINGER))
    deadline = rng.choice((0.001, 0.01, 0.1, 0.4))
    return Conversation("held", messages, in_turn=one_in(rng, 2), content=True, end=end, deadline=deadline)


def _elsewhere(rng: Random, now: int) -> Conversation:
    """Return an attempt at a method that does not exist, or with metadata that no Envoy sends."""
    messages = _bytes(_attempt(rng, now))[: rng.randrange(3)]
    name = rng.choice(("x-any", "x-any-bin", "grpc-status", "user-agent"))
    value = raw(rng, 200) if name.endswith("-bin") else CANARY * rng.choice((1, 10, 2_000))
    method = rng.choice((PROCESS, *_ELSEWHERE))
    # A grpc-status that is no number is never answered, by gRPC itself.
    return Conversation("elsewhere", messages, method, deadline=0.3, metadata=((name, value),) * rng.randrange(4))


def _health(rng: Random, now: int) -> Conversation:  # noqa: ARG001
    """Return a question after the server's health, in more or less the words that it knows."""
    asked = rng.choice((*_HEALTH_ASKED, raw(rng), b"\x0a\x10" + text(rng).encode()))
    return Conversation("health", (asked,), rng.choice(_HEALTH), deadline=rng.choice((0.05, 0.3)))


def _compressed(rng: Random, now: int) -> Conversation:
    """Return an attempt whose messages are compressed; what is in them may be a thousand times as large."""
    messages = _bytes(_attempt(rng, now))
    if one_in(rng, 5):
        messages = _bytes([request_body(bytes(rng.choice((2_500_000, 40_000_000))))])
    return Conversation("compressed", messages, content=True, compressed=True)


KINDS: Mapping[str, Callable[[Random, int], Conversation]] = {
    "valid": _valid,
    "reordered": _reordered,
    "strays": _strays,
    "spoilt": _spoilt,
    "noise": _noise,
    "held": _held,
    "elsewhere": _elsewhere,
    "health": _health,
    "compressed": _compressed,
}
_WEIGHTS = (40, 16, 8, 16, 4, 10, 1, 1, 0.5)


def _attempt(rng: Random, now: int, *, patient: bool = True) -> list[pb.ProcessingRequest]:
    """Return what Envoy says about one attempt; as often as not it has to read the answer's body, too."""
    body = bodies.request_body(rng)
    messages = [request_headers(rng, body, now=now, patient=patient)]
    if not messages[0].request_headers.end_of_stream:
        messages.append(request_body(body))
    if one_in(rng, 12):
        return messages
    messages.append(response_headers(rng))
    if one_in(rng, 3):
        messages.append(response_body(rng))
    return messages


def _bytes(messages: Sequence[pb.ProcessingRequest]) -> tuple[bytes, ...]:
    return tuple(message.SerializeToString() for message in messages)


def _end(rng: Random) -> End:
    return End.CANCEL if one_in(rng, 6) else End.CLOSE
