"""Where a form names its model."""

from __future__ import annotations

import time

import pytest

from extproc.exchange.body.form import MOST_BOUNDARIES, MOST_HEADERS, insert_part, read_form
from extproc.exchange.body.model_field import Malformed, ModelSpans, splice

KIND = "multipart/form-data; boundary=b"
MIB = 1024 * 1024


def part(name: str, content: bytes, more: str = "") -> bytes:
    """Return a part with the line that begins it."""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


FILE = part("file", b"\x00\r\n--c\r\n\xff", '; filename="a.wav"\r\nContent-Type: audio/wav')
END = b"--b--\r\n"


def found_in(body: bytes, kind: str = KIND) -> ModelSpans:
    """Return what is read from a form that can be read."""
    found = read_form(body, kind)
    assert isinstance(found, ModelSpans)
    return found


def problem_of(body: bytes, kind: str = KIND) -> str:
    """Return what is wrong with a form that cannot be read."""
    found = read_form(body, kind)
    assert isinstance(found, Malformed)
    assert found.expected == "multipart/form-data"
    return found.problem


@pytest.mark.parametrize("body", [part("model", b"x") + FILE + END, FILE + part("model", b"x") + END])
def test_the_model_is_found_before_the_file_and_behind_it(body: bytes) -> None:
    """Clients put the parts in any order."""
    found = found_in(body)

    assert found.model == "x"
    assert splice(body, found, "größe") == body.replace(b"\r\n\r\nx\r\n", "\r\n\r\ngröße\r\n".encode())
    assert splice(body, found, "x") is None


def test_all_that_are_called_the_model_are_replaced() -> None:
    """The last one counts, as in JSON; whichever a provider takes, none is another's."""
    body = part("model", b"x") + FILE + part("model", b"") + part("model", b"y") + END
    found = found_in(body)

    assert found.model == "y"
    changed = splice(body, found, "z")
    assert changed == part("model", b"z") + FILE + part("model", b"z") * 2 + END


@pytest.mark.parametrize(
    "kind",
    [
        'multipart/form-data; boundary="b"',
        "Multipart/Form-Data;charset=utf-8;  BOUNDARY=b ; x=y",
        'multipart/form-data; x=";boundary=c"; boundary=b',
    ],
)
def test_the_boundary_is_read_from_the_content_type(kind: str) -> None:
    assert found_in(part("model", b"x") + END, kind).model == "x"


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'b' * 71}"]
)
def test_without_a_boundary_nothing_can_be_read(kind: str) -> None:
    assert "boundary of 1 to 70" in problem_of(part("model", b"x") + END, kind)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "its boundary is not there"),
        (b"--c\r\n\r\n--c--", "its boundary is not there"),
        (b"x--b--\r\n", "its boundary is not there"),
        (part("model", b"x"), "it does not end"),
        (part("model", b"x") + b"--b", "it does not end"),
        (part("model", b"x") + b"--b-", "it does not end"),
        (part("model", b"x") + b"--b--more", "it does not end"),
        (part("model", b"x").replace(b"\r\n", b"\n") + END, "its boundary is not there"),
        (
            b'--b\r\nContent-Disposition: form-data; name="model"\r\n' + END,
            "the headers of the part at byte 5 do not end",
        ),
        (b"--b\r\n--b\r\n\r\n\r\n--b--", "the headers of the part at byte 5 do not end"),
        (b"--b\r\nx:" + b"x" * MOST_HEADERS + b"\r\n\r\n" + END, "the headers of the part at byte 5 do not end"),
        (part("model", b"\xff") + END, "the name of its model is not UTF-8"),
        (part("model", b"eA==", "\r\nContent-Transfer-Encoding: base64") + END, "the name of its model is encoded"),
    ],
)
def test_a_form_that_cannot_be_read_is_reported_by_its_place(body: bytes, problem: str) -> None:
    assert problem_of(body) == problem


def test_what_only_looks_like_a_boundary_is_content() -> None:
    content = b"\r\n--bx\r\n--b--x\r\n--b \tx\r\n--b-\r\n --b\r\n\r--b\r\n\n--b\r\n--B\r\n"
    body = part("file", content, '; filename="a"') + part("model", b"x") + END

    assert found_in(body).model == "x"


def test_a_form_may_be_empty() -> None:
    assert found_in(b"--b--") == ModelSpans(None, (), b"b")
    assert insert_part(b"--b--", b"b", "x") is None


def test_the_name_may_say_how_it_is_written() -> None:
    body = part("model", b"x", "\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8BIT") + END

    assert found_in(body).model == "x"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x00" * (64 * MIB), id="nothing like it"),
        pytest.param(b"\r\n--" * (16 * MIB), id="half a boundary"),
        pytest.param(b"\r\n\r\n" * (16 * MIB), id="line ends"),
    ],
)
def test_a_large_form_takes_milliseconds(content: bytes) -> None:
    """The file first; a tenth of a second is many times what it takes."""
    body = part("file", content, '; filename="a"') + part("model", b"x") + END

    began = time.process_time()
    found = found_in(body)

    assert found.model == "x"
    assert time.process_time() - began < 1


@pytest.mark.parametrize("piece", [b"\r\n--bx", b"\r\n--b\r\n\r\n"], ids=["that are none", "of parts"])
def test_no_end_of_boundaries_is_refused(piece: bytes) -> None:
    """Each takes a moment of Python's."""
    body = b"--b\r\n\r\n" + piece * (10 * MIB // len(piece)) + b"\r\n--b--"

    began = time.process_time()
    assert problem_of(body) == f"more than {MOST_BOUNDARIES} boundaries"
    assert time.process_time() - began < 2
