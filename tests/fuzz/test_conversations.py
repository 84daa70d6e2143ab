"""The same conversations without a server: hypothesis looks for the smallest that goes wrong."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import grpc
import pytest
from fuzz.configuration import write
from fuzz.conversations import drawn
from fuzz.peer import Heard
from fuzz.verdicts import faults
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.load import load
from extproc.exchange.attempt_context import Exchange
from extproc.exchange.events import BodyOverdue, ContinueProcessing, ReadResponseBody
from extproc.exchange.phase import UnexpectedEventError
from extproc.exchange.session import Session
from extproc.policy.blocks import Blocks
from extproc.policy.engine import Engine
from extproc.policy.latency import SlowResponses
from extproc.policy.units import Instant
from extproc.transport.codec.requests import UnhandledMessage, decode, read
from extproc.transport.codec.responses import continue_after, encode
from extproc.transport.errors import MessageError

if TYPE_CHECKING:
    from random import Random

    from fuzz.conversations import Conversation

NOW = Instant(1_800_000_000_000)


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    """Return what all attempts share, as a worker has it."""
    with TemporaryDirectory(prefix="fuzz-") as directory:
        gateway = load(write(Path(directory), with_default=False), {}).gateway
    engine = Engine(gateway.catalog, Blocks(), SlowResponses())
    return Exchange(engine, gateway.upstreams, gateway.listener.timeout, gateway.sidecar.max_body_bytes)


@given(rng=st.randoms(use_true_random=False), late=st.booleans())
@settings(max_examples=400)
def test_whatever_is_said_has_an_answer_or_a_named_refusal(exchange: Exchange, rng: Random, *, late: bool) -> None:
    """Nothing that a peer sends is an error that nobody has thought of, and no answer is one that must not be."""
    conversation = drawn(rng, now=NOW)

    heard = had(conversation, exchange, late=late)

    assert list(faults(conversation, heard)) == []


def had(conversation: Conversation, exchange: Exchange, *, late: bool) -> Heard:
    """Have *conversation* with a session, as the stream loop does; *late*: bodies of answers are overdue."""
    heard = Heard(status=grpc.StatusCode.OK)
    session = Session(exchange, lambda: 0.5)
    try:
        for number, message in enumerate(conversation.messages):
            now = Instant(NOW + number)
            event = decode(read(message))
            heard.sent += 1
            if isinstance(event, UnhandledMessage):
                heard.answers.append(continue_after(event).SerializeToString())
                continue
            directive = session.receive(event, now=now)
            heard.answers.append(encode(directive, event).SerializeToString())
            if late and isinstance(directive, ReadResponseBody):
                overdue = session.receive(BodyOverdue(), now=now)
                if not isinstance(overdue, ContinueProcessing):
                    heard.answers.append(encode(overdue, BodyOverdue()).SerializeToString())
    except (MessageError, UnexpectedEventError):
        heard.status = grpc.StatusCode.INVALID_ARGUMENT
    session.finish(now=Instant(NOW + 100))
    return heard
