"""The parameters of requests to the rollout's routes: the state from which a change starts, the person responsible, the query."""

from __future__ import annotations

import re
from typing import NamedTuple

from starlette.requests import Request

from rollout.changes import one_line
from rollout.document import RolloutDocument
from rollout.errors import StaleDocumentError
from rollout.history import digest_of
from serving.errors import InvalidError
from serving.guards.caller import CALLER, Caller
from serving.http import read_body
from serving.prediction_headers import PredictionHeaders
from serving.routes.rollout_paths import PATH

BODY_TIMEOUT_S = 10.0
_ENTITY_TAG = re.compile(r'"([0-9]{1,18})(?:-([0-9a-f]{16}))?"').fullmatch


class Expectation(NamedTuple):
    """The document from which a change starts."""

    revision: int | None
    """Its revision; None: any."""
    digest: str | None = None
    """The digest of its content; None: any."""

    def check(self, document: RolloutDocument) -> None:
        """Check the content: somebody may have edited the file by hand without another revision.

        Raises:
            StaleDocumentError: the present document has another content.
        """
        if self.digest is not None and self.digest != content_digest(document):
            raise StaleDocumentError(
                f"The rollout document has the revision {document.revision}, and another content than the one of If-Match: its file"
                " was edited. Read it again, and repeat the change if it still makes sense.",
                document.revision,
            )


def content_digest(document: RolloutDocument) -> str:
    """Return the digest of a document's content."""
    return digest_of(document.model_dump_json().encode())


def entity_tag(document: RolloutDocument) -> bytes:
    """Return the ETag of a document: its revision and the digest of its content."""
    return f'"{document.revision}-{content_digest(document)}"'.encode()


def expectation(request: Request, revision: int | None) -> Expectation:
    """Return the document from which a change starts: that of ``If-Match``, else that of the body.

    Args:
        request: the request.
        revision: the revision of the body; None if it has none.

    Raises:
        InvalidError: the header is not an entity tag of this route.
    """
    header = request.headers.get("if-match")
    if header is None:
        return Expectation(revision)
    if header.strip() == "*":
        return Expectation(None)
    match = _ENTITY_TAG(header.strip())
    if match is None:
        raise InvalidError(f"Expected the ETag of GET {PATH} in If-Match, with its quotes, got {header[:60]!r}.")
    return Expectation(int(match[1]), match[2])


def signature(request: Request, user: str) -> str:
    """Return the person responsible for a change, with the key that made it.

    Args:
        request: the request.
        user: the person that the request names; empty for nobody.
    """
    caller: Caller | None = request.scope.get(CALLER)
    user = one_line(user)
    if caller is None:
        return user
    return f"{user} (key {caller.caller_id})" if user else f"key {caller.caller_id}"


def query_parameter(request: Request, name: str) -> str | None:
    """Return a parameter of the query; None if it is missing.

    Raises:
        InvalidError: it is repeated, so that different readers would use different values.
    """
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise InvalidError(f"The parameter {name!r} is repeated. Send it once.")
    return values[0] if values else None


async def request_body(request: Request, limit: int) -> bytes:
    """Return the body of a request.

    Raises:
        ServingError: a header is wrong, or the body is too large or late.
    """
    headers = PredictionHeaders(request.scope["headers"])
    if headers.fault is not None:
        raise headers.fault
    return await read_body(headers, request.receive, limit, BODY_TIMEOUT_S)
