"""No secret, and no value of a request, survives in a line of the service log."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.service_log.redaction import HIDDEN, hide_secrets, mask_values, masked_traceback
from tabento.keys.secret import new_secret


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://:s3cret@redis.example:6379/0 failed", f"redis://{HIDDEN}@redis.example:6379/0 failed"),
        ("postgresql://ann:p@ss:w0rd@db/x", f"postgresql://{HIDDEN}@db/x"),
        ("https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("Authorization: Bearer abcdefgh.12345678", f"Authorization: Bearer {HIDDEN}"),
        ("https://x/hook?token=abc&b=1", f"https://x/hook?token={HIDDEN}&b=1"),
        ("{'password': 'a b c', 'user': 'ann'}", "{'password': " + HIDDEN + ", 'user': 'ann'}"),
        ("x-api-key: abcdef", f"x-api-key: {HIDDEN}"),
        ("TABENTO_PRIVATE_HASH_KEY=abc", f"TABENTO_PRIVATE_HASH_KEY={HIDDEN}"),
        ("no API key is valid now: every request is refused", "no API key is valid now: every request is refused"),
        ("tokens are counted, the key file was read", "tokens are counted, the key file was read"),
    ],
)
def test_secrets_are_hidden(text: str, expected: str) -> None:
    """Keys, passwords of URLs, credentials and parameters that are named like a secret are hidden, and nothing else."""
    assert hide_secrets(text) == expected


def test_a_key_of_the_service_is_hidden() -> None:
    """Each key is found by its form, wherever it is in a line."""
    assert hide_secrets(f"key {new_secret()}: invalid, {new_secret()}") == f"key {HIDDEN}: invalid, {HIDDEN}"


@given(st.text(min_size=1).map(repr))
def test_a_quoted_value_is_masked(value: str) -> None:
    """Whatever a client sends as text, Python's messages quote it, and the quotation is masked as a whole."""
    assert mask_values(f"could not convert string to float: {value}") == "could not convert string to float: …"


def test_an_apostrophe_does_not_open_a_quotation() -> None:
    """A value behind an apostrophe in the message is masked as well, and two values are masked with the text between them."""
    assert mask_values("the client's value 'planted' is wrong") == "the client's value … is wrong"
    assert "planted" not in mask_values("got 'planted' or \"planted\", the client's last")


@pytest.mark.parametrize("text", ["-12.5", "1e-300", "0xff", "1_000", "+3", "3.14159,"])
def test_numbers_are_masked(text: str) -> None:
    """Numbers in every notation are masked."""
    masked = mask_values(f"value {text} is out of range")
    assert not any(digit in masked for digit in "0123456789")


def _planted_errors() -> list[BaseException]:
    errors: list[BaseException] = []
    for action in (
        lambda: float("apricot"),
        lambda: dict[str, str]()["apricot"],
        lambda: json.loads("apricot"),
        lambda: datetime.fromisoformat("apricot"),
        lambda: "apricot".encode("no codec"),
        lambda: b"apricot\xff".decode(),
        lambda: compile("apricot =", "<x>", "exec"),
    ):
        try:
            action()
        except Exception as error:
            errors.append(error)
    return errors


def test_a_traceback_keeps_its_frames_only() -> None:
    """Types and lines of code stay; the messages of the exception, its cause, its context, its group and its notes are masked."""
    cause, *other_errors = _planted_errors()
    error = ExceptionGroup("group 'apricot'", [error for error in other_errors if isinstance(error, Exception)])
    error.add_note("it was 'apricot'")
    error.__cause__ = cause
    text = masked_traceback(error)
    messages = [line for line in text.splitlines() if "lambda:" not in line]
    assert "apricot" not in "\n".join(messages)
    assert "ValueError: could not convert string to float: …" in text
    assert "test_redaction.py" in text
