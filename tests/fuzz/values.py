"""What a peer may put where something else is expected.

Everything here is drawn from a `random.Random`, so that one seed gives one run; hypothesis has one of its own, which
shrinks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

CANARY = "canary-of-the-fuzz"
"""Stands in bodies and in values of headers: the log must never hold it."""

LEAST, MOST = -(2**63), 2**63 - 1

_NUMBERS = (
    *("", "0", "1", "-1", "-0", "+5", " 3 ", "0.5", "1.0000000001", ".5", "5.", "1e3", "1e400", "-1e400"),
    *("NaN", "nan", "inf", "-Infinity", "0x10", "1_000", "9" * 32, "9" * 33, "9" * 400, "9" * 5_000, "1." + "9" * 64),
    *("\xb2", "\xbd", "1,2", "1 2", "9007199254740992", "9007199254740993", str(2**31), str(2**63), str(2**64)),
)
_DATES = (
    *("Thu, 01 Jan 2026 00:00:00 GMT", "Thursday, 01-Jan-26 00:00:00 GMT", "Thu Jan  1 00:00:00 2026"),
    *("Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:00 +9999"),
    *("Thu, 32 Jan 2026 25:61:61 GMT", "1 Jan , 00:00", "01 Jan 99999 00:00:00 GMT", "Jan 1 2026", "Thu, 1 Jan 2026"),
    *("2026-01-01T00:00:00Z", "2026-01-01T00:00:00+23:59", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("2026-01-01", "2026-W01-1T00:00:00Z", "2026-01-01T24:00:00Z", "20260101T000000Z", "2026-01-01T00:00:00.1234567Z"),
)
_DURATIONS = ("1s", "6m0s", "120ms", "1h2m3.5s", "0s", "..s", "1.s", "s", "9" * 32 + "h", "1h1h", "-1s", "1d", "1m1ms")
_WORDS = ("", " ", ",", "a", "true", "false", "null", "\0", "\r\n", "\x7f", "\xe9", "\u20ac", "\U0001f600", "x" * 300)
_ALPHABET = 'abcXYZ019 ,;:=/?&%+-._"\\{}[]()<>\t\xe4\xff\u0661\u20ac\U0001f600'


def one_in(rng: Random, times: int) -> bool:
    """Return whether what happens once in so many *times* happens now; hypothesis shrinks to what happens not."""
    return rng.randrange(times) == times - 1


def text(rng: Random, most: int = 40) -> str:
    """Return any text that protobuf can hold."""
    if one_in(rng, 3):
        return rng.choice(_WORDS)
    return "".join(rng.choice(_ALPHABET) for _ in range(rng.randrange(most)))


def raw(rng: Random, most: int = 64) -> bytes:
    """Return any bytes."""
    return rng.randbytes(rng.randrange(most))


def number(rng: Random) -> str:
    """Return what stands where a number should."""
    return rng.choice(_NUMBERS)


def moment(rng: Random) -> str:
    """Return what stands where a wait, a length of time or a date should."""
    return rng.choice(rng.choice((_NUMBERS, _DATES, _DURATIONS)))


def instant(rng: Random, near: int) -> int:
    """Return an instant: about *near*, or as far away as 64 bits go."""
    if one_in(rng, 2):
        return near + rng.choice((0, 1, -1, 20, -20, 60_000, -60_000))
    return any_int(rng, LEAST, MOST)


def any_int(rng: Random, least: int, most: int) -> int:
    """Return a number between the two, with a liking for the ends and for what is small."""
    if one_in(rng, 2):
        return rng.choice([value for value in (0, 1, 2, -1, least, most, least + 1, most - 1) if value >= least])
    return rng.randint(least, most)


def field_value(rng: Random) -> bytes:
    """Return the value of a header: mostly what could stand there, sometimes what could not."""
    match rng.randrange(6):
        case 0:
            return raw(rng)
        case 1:
            return number(rng).encode()
        case 2:
            return moment(rng).encode("latin-1", "replace")
        case 3:
            return (CANARY + text(rng)).encode("latin-1", "replace")
        case _:
            return text(rng).encode()


def damaged(rng: Random, message: bytes) -> bytes:
    """Return *message* with bits flipped, a piece missing, doubled, or put in."""
    if not message:
        return raw(rng)
    at = rng.randrange(len(message))
    match rng.randrange(5):
        case 0:
            return message[:at]
        case 1:
            return message[:at] + raw(rng, 8) + message[at:]
        case 2:
            end = at + rng.randrange(16)
            return message[:end] + message[at:]
        case 3:
            return message[:at] + message[at + 1 + rng.randrange(16) :]
        case _:
            spoilt = bytearray(message)
            for _ in range(1 + rng.randrange(3)):
                spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
            return bytes(spoilt)
