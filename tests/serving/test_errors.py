"""Every error has a status, a code and one envelope."""

from __future__ import annotations

import json

from serving import errors
from serving.errors import Detail, ServingError, UnavailableError


def _classes(base: type[ServingError] = ServingError) -> list[type[ServingError]]:
    """A class and all that derive from it."""
    return [base] + [statuses for child in base.__subclasses__() for statuses in _classes(child)]


def test_every_error_has_its_own_code_and_a_sentence() -> None:
    """Clients can tell errors apart by code; the documents describe each by its docstring."""
    classes = _classes()[1:]
    assert len({kind.code for kind in classes}) == len(classes) == 21
    assert all(400 <= kind.status < 600 and kind.__doc__ for kind in classes)


def test_the_envelope_has_one_shape() -> None:
    """Code, message and details inside ``error``, the request id beside it."""
    body = json.loads(errors.InvalidError("wrong", [Detail(1, "age", "a number", "null")]).body("id-1"))
    assert body == {
        "error": {
            "code": "invalid",
            "message": "wrong",
            "details": [{"row": 1, "field": "age", "expected": "a number", "got": "null"}],
        },
        "request_id": "id-1",
    }


def test_unavailable_says_when_to_come_back() -> None:
    """A 503 always has Retry-After."""
    assert UnavailableError("later", 7).headers == ((b"retry-after", b"7"),)


def test_a_rate_limit_says_its_numbers() -> None:
    """A 429 has the limit, the remaining number and the seconds to wait; without a wait that helps there is no Retry-After."""
    error = errors.RateLimitedError("slow down", 100, 0, 12, ((b"ratelimit", b'"requests";r=0;t=12'),))
    assert error.headers == ((b"retry-after", b"12"), (b"ratelimit", b'"requests";r=0;t=12'))
    content = json.loads(error.body("id-1"))["error"]
    assert (content["limit"], content["remaining"], content["retry_after_seconds"]) == (100, 0, 12)
    assert errors.RateLimitedError("too many rows", 100, 100, None).headers == ()
