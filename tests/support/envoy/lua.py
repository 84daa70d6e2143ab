"""Envoy's scripts outside of Envoy: in LuaJIT, the Lua that Envoy has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lupa.luajit21 import LuaRuntime

if TYPE_CHECKING:
    from collections.abc import Mapping


class Script:
    """A script that has been loaded; its functions take and return texts whose characters are bytes."""

    def __init__(self, text: str) -> None:
        self._lua: Any = LuaRuntime(encoding="latin-1", register_eval=False)  # pyright: ignore[reportCallIssue] -- they are there
        self._lua.execute(text)

    def call(self, function: str, *arguments: str | None) -> str | bool | None:
        """Return what *function* returns for *arguments*."""
        result: str | bool | None = self._lua.globals()[function](*arguments)
        return result

    def spliced(self, body: bytes) -> bytes:
        """Return what a request with *body* is sent with."""
        changed = self.call("spliced", body.decode("latin-1"))
        assert not isinstance(changed, bool)
        return body if changed is None else changed.encode("latin-1")

    def request(self, headers: Mapping[str, str], body: bytes | None = None) -> Request:
        """Return what becomes of a request."""
        return self.run("envoy_on_request", Request(headers, body))

    def run(self, function: str, handle: Request) -> Request:
        """Have one of the two functions of every script act on *handle*, and return that."""
        self._lua.gccollect()  # lupa takes an object for an older one at the same place that Lua has not let go of yet
        self._lua.globals()[function](handle)
        return handle


class Kept(dict[str, object]):
    """A table of Lua: what it does not hold is nil."""

    def __missing__(self, key: str) -> None:
        return None


class Stream:
    """The stream of one request at the edge, through all its tries. Mutable: scripts keep things in its metadata."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.now = 1_800_000_000_000

    def dynamicMetadata(self) -> Metadata:  # noqa: N802 -- Envoy's name
        """Return what a script calls the metadata."""
        return Metadata(self.kept)


class Metadata:
    """A script's view of metadata."""

    def __init__(self, kept: dict[str, Kept]) -> None:
        self._kept = kept

    def get(self, namespace: str) -> Kept | None:
        """Return what is kept there; None when nothing is."""
        return self._kept.get(namespace)

    def set(self, namespace: str, key: str, value: object) -> None:
        """Keep something."""
        self._kept.setdefault(namespace, Kept())[key] = value


class Request:
    """The handle that Envoy gives to a script, as far as scripts use it. Mutable: they change it."""

    def __init__(self, headers: Mapping[str, str], body: bytes | None = None, stream: Stream | None = None) -> None:
        self.sent = dict(headers)
        self._body = body
        self._stream = stream or Stream()

    @property
    def sent_body(self) -> bytes | None:
        """The body as it is now."""
        return self._body

    def streamInfo(self) -> Stream:  # noqa: N802 -- Envoy's name
        """Return what a script calls the stream."""
        return self._stream

    def timestamp(self) -> int:
        """Return the time in milliseconds."""
        return self._stream.now

    def headers(self) -> Headers:
        """Return what a script calls the headers."""
        return Headers(self.sent)

    def body(self) -> Body | None:
        """Return what a script calls the body; None when there is none."""
        return None if self._body is None else Body(self)

    def take(self, body: bytes) -> None:
        """Have another body."""
        self._body = body


class Headers:
    """A script's view of headers."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def get(self, name: str) -> str | None:
        """Return a value, None when there is none."""
        return self._fields.get(name)

    def replace(self, name: str, value: object) -> None:
        """Set a value."""
        self._fields[name] = str(value)

    def remove(self, name: str) -> None:
        """Take a header away."""
        self._fields.pop(name, None)


class Body:
    """A script's view of a body."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def length(self) -> int:
        """Return how many bytes there are."""
        return len(self._request.sent_body or b"")

    def getBytes(self, start: int, length: int) -> str:  # noqa: N802 -- Envoy's name
        """Return some of them."""
        return (self._request.sent_body or b"")[start : start + length].decode("latin-1")

    def setBytes(self, text: str) -> int:  # noqa: N802 -- Envoy's name
        """Put others in their place, and return how many."""
        self._request.take(text.encode("latin-1"))
        return len(text)
