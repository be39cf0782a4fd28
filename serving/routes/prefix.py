"""The path prefix under which a proxy publishes the service, such as `/models/house`.

A proxy may strip the prefix from the path of a request or leave it there. Either way the documents that the service
answers have to name paths as the client sees them.
"""

from __future__ import annotations

import re

from serving.http import Scope
from serving.settings import ROOT_PATH_PATTERN

FORWARDED_PREFIX_HEADER = b"x-forwarded-prefix"
VARIES = (b"vary", FORWARDED_PREFIX_HEADER)
"""The header on which the documents depend, for caches."""
CLIENT_SCOPE = "tabento.client_scope"
"""The key of the scope as the server made it, with the path that the client asked for."""
_PREFIX = re.compile(ROOT_PATH_PATTERN)


def without_prefix(path: str, scope: Scope, root_path: str) -> str:
    """Return a request's path as the service's own routes have it.

    Args:
        path: the request's path.
        scope: the ASGI scope; the `root_path` that a server or a framework around us put there is removed as well.
        root_path: the setting. A path that does not start with it is left alone: the proxy stripped it already.
    """
    for prefix in (scope.get("root_path", ""), root_path):
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            path = path[len(prefix) :] or "/"
    return path


def public_prefix(scope: Scope, root_path: str) -> str | None:
    """Return the prefix that clients see, or None if neither the setting, the server nor the proxy names one.

    The setting wins over the scope's `root_path`, and both win over X-Forwarded-Prefix, which any client can send. Several
    proxies in a row list their prefixes with commas, the outermost first. A header that is not a plain path is ignored.
    """
    if prefix := root_path or scope.get("root_path", ""):
        return str(prefix)
    values = [value for name, value in scope["headers"] if name == FORWARDED_PREFIX_HEADER]
    parts = b",".join(values).decode("latin-1").split(",")
    prefix = "".join(part.strip().rstrip("/") for part in parts)
    return prefix if prefix and _PREFIX.fullmatch(prefix) else None
