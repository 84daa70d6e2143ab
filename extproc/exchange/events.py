"""The events of one attempt's stream with Envoy, and the directives that follow them.

Events and directives are plain values. `transport.codec` translates both from and to ext_proc messages; nothing
else knows that protobuf exists.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from extproc.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extproc.exchange.in_flight import InFlight
    from extproc.policy.attempt_state import AttemptState
    from extproc.policy.units import Instant, Millis

Headers: TypeAlias = "Mapping[str, str]"
"""Header fields by lower-case name; repeated fields are joined with ", " (RFC 9110 section 5.3)."""


@value
class RequestHeaders:
    """The request line and headers of one attempt, the client's own but for what Envoy added.

    *carried* is the attempt state of the failed attempts before this one, or of one that was made and never decided on;
    None on the first, and when there was a state that cannot be read: then *state_unreadable* is true, and what has
    been tried already is unknown.
    """

    headers: Headers
    end_of_stream: bool  # there is no body
    carried: AttemptState | InFlight | None = None
    state_unreadable: bool = False


@value
class RequestBody:
    """The whole body of the request."""

    body: bytes


@value
class ResponseHeaders:
    """Status and headers of the response: the provider's, or a local reply of Envoy's.

    *flags* is Envoy's bit vector `response.flags`, *details* its `response.code_details`.
    """

    status: int
    headers: Headers
    flags: int = 0
    details: str = ""
    end_of_stream: bool = False  # it has no body


@value
class ResponseBody:
    """The body of the response, as far as Envoy has it: sent only after `ReadResponseBody`."""

    body: bytes


@value
class BodyOverdue:
    """The body that `ReadResponseBody` asked for has not come in time."""


Event: TypeAlias = RequestHeaders | RequestBody | ResponseHeaders | ResponseBody | BodyOverdue


@value
class ContinueProcessing:
    """Continue without a change, not before *not_before* (None: now)."""

    not_before: Instant | None = None


@value
class Send:
    """Send the attempt: set and remove these headers, replace the body unless *body* is None, clear the route cache.

    The cluster is named in this directive only, together with every other change: an Envoy that never got it has
    nowhere to send an unchanged request. The headers hold keys: the repr leaves them out.

    *in_flight* is what Envoy gives to the next attempt if this one's response stays unprocessed; None: there is no
    next attempt, whatever the response is.
    """

    set_headers: tuple[tuple[str, str], ...] = field(repr=False)
    remove_headers: tuple[str, ...]
    body: bytes | None = None
    not_before: Instant | None = None
    in_flight: InFlight | None = None


@value
class ReadResponseBody:
    """Have Envoy send the body of the response before it is classified; *in_flight* replaces that of `Send`.

    What is there after *timeout* has to do: then the event is `BodyOverdue`.
    """

    in_flight: InFlight
    timeout: Millis


@value
class Deliver:
    """Pass the response on as it is, but for these headers."""

    set_headers: tuple[tuple[str, str], ...]
    remove_headers: tuple[str, ...] = ()


@value
class Redispatch:
    """Discard the response and have the edge make the next attempt, carrying *state* to it."""

    status: int
    state: AttemptState


@value
class ImmediateResponse:
    """Respond to the client ourselves: nothing is sent upstream, or the provider's response is replaced."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


Directive: TypeAlias = ContinueProcessing | Send | ReadResponseBody | Deliver | Redispatch | ImmediateResponse
