"""Laws of reading and replacing the model in a form, against forms whose parts are known."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from support.bodies.forms import MODEL_HEADERS, Form, Part, forms, names

from extproc.exchange.body.form import insert_part
from extproc.exchange.body.model_field import Malformed, ModelSpans, splice


@given(form=forms(), data=st.data(), new=names)
def test_nothing_but_the_name_changes(form: Form, data: st.DataObject, new: str) -> None:
    """The form with another name is the one that its client would have written with it."""
    said = data.draw(st.lists(names, min_size=form.models, max_size=form.models))
    body = form.written(*said)
    found = form.read(body)

    assert isinstance(found, ModelSpans)
    assert [span.name for span in found.spans] == said
    assert [body[span.start : span.end].decode() for span in found.spans] == said
    assert found.model == (said[-1] if said else None)
    changed = splice(body, found, new)
    assert (body if changed is None else changed) == form.written(*[new] * form.models)


@given(form=forms(), new=names)
def test_a_form_without_a_model_is_given_one(form: Form, new: str) -> None:
    """And then it has that one, and all its parts besides."""
    bare = Form(form.boundary, form.preamble, tuple(p for p in form.parts if p.content is not None), form.epilogue)
    body = bare.written()
    if not bare.parts:
        assert insert_part(body, form.boundary.encode(), new) is None
        return
    given_one = insert_part(body, form.boundary.encode(), new)
    assert given_one is not None
    found = form.read(given_one)

    assert isinstance(found, ModelSpans)
    assert found.model == new
    (span,) = found.spans
    begins = given_one.index(b"content-disposition: form-data", len(form.preamble))
    ends = span.end + len(f"\r\n--{form.boundary}\r\n")
    assert given_one[:begins] + given_one[ends:] == body


@given(form=forms(), part=st.floats(0, 1, exclude_max=True))
def test_a_form_that_is_cut_off_is_never_read(form: Form, part: float) -> None:
    body = form.written(*["x"] * form.models).removesuffix(form.epilogue)

    assert isinstance(form.read(body[: int(len(body) * part)]), Malformed)


@given(form=forms(), place=st.integers(0, 300), byte=st.binary(max_size=2))
@example(Form("b", b"", (Part(MODEL_HEADERS[0], None, ""),), b""), 58, b"\xff")
def test_no_bytes_raise(form: Form, place: int, byte: bytes) -> None:
    """Whatever arrives is read, or refused with a reason; and what is read can be changed."""
    body = form.written(*["x"] * form.models)
    damaged = body[:place] + byte + body[place + 1 :]
    found = form.read(damaged)

    if isinstance(found, ModelSpans):
        splice(damaged, found, "y")
        insert_part(damaged, form.boundary.encode(), "y")
