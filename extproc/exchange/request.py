"""What a client asks for: read once per attempt from its pristine headers and body."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from extproc import names
from extproc.exchange.body.content import read_content
from extproc.exchange.body.encoding import Undecodable
from extproc.exchange.body.provider_state import refers_to_state
from extproc.exchange.client_errors import errors
from extproc.policy.target import Api, Freedom
from extproc.value import value

if TYPE_CHECKING:
    from extproc.exchange.body.model_field import Malformed, ModelSpans
    from extproc.exchange.events import Headers, ImmediateResponse
    from extproc.exchange.url.paths import Operation
    from extproc.policy.catalog import Catalog
    from extproc.policy.target import Target

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@value
class ClientRequest:
    """One request as the client sent it, the same for every attempt.

    *model* is where its body names a model; None when the body is neither JSON nor a form, or there is none.
    *malformed* is why a body that should be one cannot be read. *plain* is what a compressed body stands for.
    """

    headers: Headers
    operation: Operation
    body: bytes | None
    model: ModelSpans | None = None
    malformed: Malformed | None = None
    plain: bytes | None = None

    @property
    def text(self) -> bytes | None:
        """What the body says, not compressed any more: *model* is about this."""
        return self.body if self.plain is None else self.plain

    @property
    def request_id(self) -> str:
        """The client's `x-request-id`, or the one that the edge made for it."""
        return self.headers.get("x-request-id", "")

    @property
    def api(self) -> Api:
        """What kind of conversation it asks for."""
        return self.operation.api

    @property
    def path(self) -> str:
        """Path and query string."""
        return self.headers.get(":path", "/")

    @property
    def named(self) -> str | None:
        """The model the client asks for: the path's word, as at Azure, else the body's, else the hint header's."""
        if self.operation.model is not None:
            return self.operation.model
        if self.model is not None and self.model.model is not None:
            return self.model.model
        return self.headers.get(names.HINT)

    @property
    def freedom(self) -> Freedom:
        """How far it may go from the target that it names."""
        # RFC 9110 section 9.2.1, but for TRACE: what only asks for what there is.
        if self.headers.get(":method") in _SAFE:
            return Freedom.ONCE
        return Freedom.THERE if self.api.kept or self._refers_to_state() else Freedom.ANYWHERE

    def _refers_to_state(self) -> bool:
        """Return whether the body is JSON that refers to what its provider keeps; forms bring their files along."""
        is_json = self.model is not None and self.model.boundary is None
        return is_json and self.text is not None and refers_to_state(self.text)

    def digest(self) -> bytes:
        """Return the SHA-256 of the body: what every replay of it must have too."""
        return hashlib.sha256(self.body or b"").digest()


def read_request(
    headers: Headers, operation: Operation, body: bytes | None, *, limit: int
) -> ClientRequest | Undecodable:
    """Return the request that *headers* and *body* (None: there is none) make, whose path stands for *operation*.

    A compressed body may stand for *limit* bytes.
    """
    if body is None:
        return ClientRequest(headers, operation, body)
    content = read_content(headers, body, limit=limit)
    if isinstance(content, Undecodable):
        return content
    return ClientRequest(headers, operation, body, content.model, content.malformed, content.plain)


def primary_of(request: ClientRequest, catalog: Catalog) -> Target | ImmediateResponse:
    """Return the target a request is for, or the refusal of one that names none of those there are.

    The default for its API takes whatever cannot be placed, bodies that cannot be read included: its provider may know
    better. A model that does not support the API is not called, nor is another one in its place. Embeddings come only
    from the model that the request names: others would be of another kind.
    """
    api, request_id = request.api, request.request_id
    default = catalog.default_for(api)
    named = request.named
    if request.malformed is not None and default is None:
        return errors.malformed_body(api, request.malformed, request_id=request_id)
    substitute = None if api is Api.EMBEDDINGS else default
    target = default if named is None else catalog.find(named) or substitute
    if target is not None and api in target.apis:
        return target
    if named is None:
        return errors.no_model(api, request_id=request_id)
    serving = [one.id for one in catalog.serving(api)]
    if target is not None:
        return errors.api_not_supported(api, named, serving, request_id=request_id)
    return errors.model_not_found(api, named, serving, request_id=request_id)
