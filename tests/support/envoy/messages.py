"""Arbitrary ext_proc messages, built with the classes of one library or the other.

Both libraries build a message from its fields by name, so that one description serves for ours and for Envoy's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf import struct_pb2
from hypothesis import strategies as st

from extproc._gen import wire_pb2
from support.envoy.message_types import core, ext_proc, ext_proc_filter, google, types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import betterproto2
    from hypothesis.strategies import SearchStrategy

    Library = Mapping[str, Callable[..., object]]

MESSAGES: Mapping[str, type[betterproto2.Message]] = {
    "BodyMutation": ext_proc.BodyMutation,
    "BodyResponse": ext_proc.BodyResponse,
    "CommonResponse": ext_proc.CommonResponse,
    "HeaderMap": core.HeaderMap,
    "HeaderMutation": ext_proc.HeaderMutation,
    "HeaderValue": core.HeaderValue,
    "HeaderValueOption": core.HeaderValueOption,
    "HeadersResponse": ext_proc.HeadersResponse,
    "HttpBody": ext_proc.HttpBody,
    "HttpHeaders": ext_proc.HttpHeaders,
    "HttpStatus": types.HttpStatus,
    "HttpTrailers": ext_proc.HttpTrailers,
    "ImmediateResponse": ext_proc.ImmediateResponse,
    "ProcessingMode": ext_proc_filter.ProcessingMode,
    "ProcessingRequest": ext_proc.ProcessingRequest,
    "ProcessingResponse": ext_proc.ProcessingResponse,
    "TrailersResponse": ext_proc.TrailersResponse,
}
"""Envoy's own class of every message of ours."""

ENUMS: Mapping[str, type[betterproto2.Enum]] = {
    "CommonResponse.ResponseStatus": ext_proc.CommonResponseResponseStatus,
    "HeaderValueOption.HeaderAppendAction": core.HeaderValueOptionHeaderAppendAction,
    "ProcessingMode.BodySendMode": ext_proc_filter.ProcessingModeBodySendMode,
}
"""Envoy's own class of every enum of ours."""

THEIRS: Library = {
    **MESSAGES,
    "ResponseStatus": ext_proc.CommonResponseResponseStatus,
    "AppendAction": core.HeaderValueOptionHeaderAppendAction,
    "BodySendMode": ext_proc_filter.ProcessingModeBodySendMode,
    "StatusCode": types.StatusCode,
    "Struct": google.Struct,
    "Value": google.Value,
}
OURS: Library = {
    **{name: getattr(wire_pb2, name) for name in MESSAGES},
    "ResponseStatus": int,
    "AppendAction": int,
    "BodySendMode": int,
    "StatusCode": int,
    "Struct": struct_pb2.Struct,
    "Value": struct_pb2.Value,
}

_words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_raw = st.binary(max_size=16)


def requests(library: Library) -> SearchStrategy[object]:
    """Return any message that Envoy may send, of the kinds and fields that we know."""
    headers = st.builds(library["HttpHeaders"], headers=_header_maps(library), end_of_stream=st.booleans())
    body = st.builds(library["HttpBody"], body=_raw, end_of_stream=st.booleans())
    trailers = st.builds(library["HttpTrailers"], trailers=_header_maps(library))
    return _one_kind(
        library["ProcessingRequest"],
        {
            "request_headers": headers,
            "response_headers": headers,
            "request_body": body,
            "response_body": body,
            "request_trailers": trailers,
            "response_trailers": trailers,
        },
        attributes=st.dictionaries(_words, _structs(library), max_size=2),
    )


def responses(library: Library) -> SearchStrategy[object]:
    """Return any message that we may answer with, and some that we do not."""
    common = st.builds(
        library["CommonResponse"],
        status=st.integers(0, 1).map(library["ResponseStatus"]),
        header_mutation=st.none() | _mutations(library),
        body_mutation=st.none() | _one_kind(library["BodyMutation"], {"body": _raw, "clear_body": st.booleans()}),
        clear_route_cache=st.booleans(),
    )
    headers = st.builds(library["HeadersResponse"], response=st.none() | common)
    body = st.builds(library["BodyResponse"], response=st.none() | common)
    trailers = st.builds(library["TrailersResponse"], header_mutation=st.none() | _mutations(library))
    modes = st.integers(0, 5).map(library["BodySendMode"])
    immediate = st.builds(
        library["ImmediateResponse"],
        status=st.builds(library["HttpStatus"], code=st.sampled_from([200, 429, 503, 529]).map(library["StatusCode"])),
        headers=_mutations(library),
        body=_raw,
        details=_words,
    )
    return _one_kind(
        library["ProcessingResponse"],
        {
            "request_headers": headers,
            "response_headers": headers,
            "request_body": body,
            "response_body": body,
            "request_trailers": trailers,
            "response_trailers": trailers,
            "immediate_response": immediate,
        },
        mode_override=st.none() | st.builds(library["ProcessingMode"], response_body_mode=modes),
    )


def _one_kind(
    message: Callable[..., object],
    kinds: Mapping[str, SearchStrategy[object]],
    **others: SearchStrategy[object],
) -> SearchStrategy[object]:
    return st.one_of(*(st.builds(message, **{kind: content}, **others) for kind, content in kinds.items()))


def _header_maps(library: Library) -> SearchStrategy[object]:
    return st.builds(library["HeaderMap"], headers=st.lists(_header_values(library), max_size=3))


def _header_values(library: Library) -> SearchStrategy[object]:
    return st.builds(library["HeaderValue"], key=_words, value=_words, raw_value=_raw)


def _mutations(library: Library) -> SearchStrategy[object]:
    option = st.builds(
        library["HeaderValueOption"],
        header=_header_values(library),
        append_action=st.integers(0, 3).map(library["AppendAction"]),
    )
    return st.builds(
        library["HeaderMutation"],
        set_headers=st.lists(option, max_size=3),
        remove_headers=st.lists(_words, max_size=3),
    )


def _structs(library: Library) -> SearchStrategy[object]:
    value = _one_kind(library["Value"], {"number_value": st.floats(allow_nan=False), "string_value": _words})
    return st.builds(library["Struct"], fields=st.dictionaries(_words, value, max_size=2))
