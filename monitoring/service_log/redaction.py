"""The removal of secrets, and of values of features, from lines of the service log.

No line of this service contains a secret on purpose. Exceptions of libraries may: the message of a failed connection repeats its
URL, and ``could not convert string to float: '…'`` repeats a value of a request.
"""

from __future__ import annotations

import re
import traceback

from tabento.keys.secret import PREFIX, SECRET_PATTERN

HIDDEN = "[hidden]"
_SECRETS = (
    # A key of this service.
    (re.compile(SECRET_PATTERN), HIDDEN),
    # The user and the password of a URL. A password may contain any character but a blank; the last @ before the host ends it.
    (re.compile(r"(?<=://)[^\s/?#'\"]*(?=@)"), HIDDEN),
    # HTTP credentials, and parameters and settings that are named like a secret.
    (re.compile(r"(?i)\b(bearer|basic) +[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"(?i)\b((?:[a-z0-9-]+_)*(?:api[_-]?keys?|password|passwd|secret|token|hash_key|x-api-key|access_key))"
            r"(['\"]?\s*[=:]\s*)(?!\s)(?:'[^']*'|\"[^\"]*\"|[^\s,;&'\")\]}]+)"
        ),
        rf"\1\2{HIDDEN}",
    ),
)
_HINT = re.compile(
    rf"(?i){PREFIX}[0-9A-Za-z]{{49}}|://|bearer|basic |api[_-]?key|passw|secret|token|hash_key|access_key"
).search
"""Finds texts that may contain a secret: most do not, and are not searched further."""
_QUOTED = re.compile(r"(?<![A-Za-z0-9])['\"`].*['\"`]", re.DOTALL)
"""Everything from the first quotation mark to the last. A mark within a word is an apostrophe."""
_NUMBER = re.compile(r"(?<![A-Za-z_])[-+]?(?:0[xX][0-9a-fA-F]+|[0-9][0-9.,_]*(?:[eE][-+]?[0-9]+)?)")
MASK = "…"


def hide_secrets(text: str) -> str:
    """Return a text without keys, passwords and tokens."""
    if _HINT(text) is None:
        return text
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def mask_values(text: str) -> str:
    """Return the message of an exception without everything that may be a value: quoted texts and numbers."""
    return _NUMBER.sub("#", _QUOTED.sub(MASK, text))


def masked_traceback(error: BaseException) -> str:
    """Return the traceback of an exception and its causes, with the lines of code, but without values in the messages."""
    summary = traceback.TracebackException.from_exception(error, capture_locals=False)
    _mask_messages(summary)
    return "".join(summary.format())


def _mask_messages(summary: traceback.TracebackException) -> None:
    pending, done = [summary], set()
    while pending:
        exception = pending.pop()
        if id(exception) in done:
            continue
        done.add(id(exception))
        exception._str = mask_values(exception._str)  # type: ignore[attr-defined]
        # A note is free text, and a syntax error shows the text in which it is.
        if exception.__notes__:
            exception.__notes__ = [mask_values(str(note)) for note in exception.__notes__]
        if hasattr(exception, "text"):
            exception.text = ""
        pending += [other for other in (exception.__cause__, exception.__context__) if other is not None]
        pending += exception.exceptions or []
