"""The script that changes a model's name within Envoy, against the tokenizer that the sidecar is held to as well."""

from __future__ import annotations

import re

from hypothesis import assume, example, given
from hypothesis import strategies as st
from support.bodies.forms import MODEL_HEADERS, Form, Part, forms, names
from support.bodies.json_texts import Reference, documents
from support.envoy.lua import Script

from extproc.bootstrap.degraded.script import script
from extproc.exchange.body.model_field import Malformed, ModelSpans, splice
from extproc.exchange.upstream import Upstream
from extproc.exchange.url.paths import operation_of, path_for, paths_of
from extproc.exchange.url.resources import API_OF, BASES
from extproc.policy.target import Api

MODELS = {"a": "b", "model": 'x"y', "": "empty"}
DEFAULT = "größe"
UPSTREAM = Upstream("cluster", "host.test", DEFAULT, path_prefix="/p", query="v=1&w=2")
SCRIPT = Script(script(UPSTREAM, models=MODELS, any_of=None))

known = st.sampled_from([f'"{name}"' for name in MODELS])
paths = st.lists(
    st.sampled_from(["/", "v1", "/v1/", "chat", "/completions", "messages", "images", "audio", "x", ".", "%2F"])
).map("".join)
words = ["v", "w", "=", "&", "1", "?", "vv", "/v1", "key", "API_KEY", "k%65y", "+", "api-version", "%"]
queries = st.lists(st.sampled_from(words)).map("".join)
bases = st.sampled_from([*BASES, "/v2", "/api"])
deployments = st.sampled_from(["", "", "/deployments/m", "/deployments/a/b", "/deployments/", "/deployments//"])
resources = st.sampled_from([*API_OF, "/models", "/files/x"])
spoken = st.builds("{}{}{}{}".format, bases, deployments, resources, st.sampled_from(["", "/", "//", "/x"]))


def expected(document: str) -> bytes:
    """Return *document* with the name that the script must write into it."""
    spans = [(start, end) for key, start, end in Reference(document).found if key == '"model"']
    strings = [(start, end) for start, end in spans if document[start] == '"']
    if not strings:
        return document.encode()
    start, end = strings[-1]
    names = {"": '"empty"', "a": '"b"', "model": '"x\\"y"'}
    name = names.get(document[start + 1 : end - 1].replace("\\/", "/"), f'"{DEFAULT}"')
    parts, at = [], 0
    for start, end in strings:
        parts += [document[at:start], name]
        at = end
    return "".join([*parts, document[at:]]).encode()


@given(document=documents)
@example('{"model":"a"}')
@example('{"model":"model","model":1}')
@example('{"model":"b"}')
def test_the_scripts_spans_are_those_of_the_reference(document: str) -> None:
    """Every text that the outermost object calls its model, plainly spelled, and not a byte besides."""
    assert SCRIPT.spliced(document.encode()) == expected(document)


@given(name=known, other=st.text(max_size=5))
def test_a_name_is_found_whatever_else_there_is(name: str, other: str) -> None:
    """The search does not lose its way in a text before it."""
    quoted = '"' + other.replace("\\", "\\\\").replace('"', '\\"') + '"'
    document = f'{{"x":{quoted},"model":{name}}}'

    assert SCRIPT.spliced(document.encode("utf-8", "replace")) != document.encode("utf-8", "replace")


@given(form=forms(), data=st.data())
@example(Form("b", b"", (Part(MODEL_HEADERS[0], None, ""),), b""), None)
def test_a_form_is_read_as_the_sidecar_reads_it(form: Form, data: st.DataObject | None) -> None:
    """The same parts are the model, and each gets the name that the last one is known by."""
    named = st.lists(st.sampled_from([*MODELS, "x", 'a"']) | names, min_size=form.models, max_size=form.models)
    body = form.written(*(["model"] * form.models if data is None else data.draw(named)))
    found = form.read(body)

    assert isinstance(found, ModelSpans)
    sent = splice(body, found, MODELS.get(found.model, DEFAULT)) if found.model is not None else None
    assert spliced_form(body, form.boundary) == (body if sent is None else sent)


@given(form=forms(), place=st.integers(0, 300), byte=st.binary(max_size=2))
def test_a_damaged_form_is_no_error(form: Form, place: int, byte: bytes) -> None:
    """It goes as it is where the sidecar cannot read it either."""
    body = form.written(*["a"] * form.models)
    damaged = body[:place] + byte + body[place + 1 :]
    found = form.read(damaged)

    sent = spliced_form(damaged, form.boundary)
    if isinstance(found, Malformed):
        assert sent == damaged or b"UTF-8" in found.problem.encode()


def spliced_form(body: bytes, boundary: str) -> bytes:
    """Return what a request with the form *body* is sent with."""
    changed = SCRIPT.call("spliced_form", body.decode("latin-1"), boundary, None)
    assert not isinstance(changed, bool)
    return body if changed is None else changed.encode("latin-1")


@given(body=st.binary(max_size=40) | documents.map(str.encode), place=st.integers(0, 60), byte=st.binary(max_size=2))
@example(b"", 0, b"")
@example(b'{"model":"', 9, b"\\")
def test_no_bytes_raise(body: bytes, place: int, byte: bytes) -> None:
    """A script that fails would send the request on half changed."""
    SCRIPT.spliced(body[:place] + byte + body[place + 1 :])


@given(path=spoken, query=st.none() | queries)
def test_the_path_is_the_one_that_the_sidecar_sends(path: str, query: str | None) -> None:
    """Prefix, version, deployment and query."""
    client = path if query is None else f"{path}?{query}"
    operation = operation_of(client)
    assume(operation is not None and not operation.api.kept)
    assert operation is not None

    assert SCRIPT.call("rewritten", client) == path_for(client, operation, UPSTREAM)


@given(path=paths.map("/{}".format) | spoken, apis=st.frozensets(st.sampled_from(Api)))
def test_a_pattern_fits_the_paths_of_its_apis(path: str, apis: frozenset[Api]) -> None:
    """And no other path. A provider of completions supports chat, which ends alike."""
    apis |= {Api.CHAT}
    fits = any(re.fullmatch(pattern, path) for pattern in paths_of(apis))
    operation = operation_of(path)

    assert fits is (operation is not None and not operation.api.kept and operation.api in apis)
