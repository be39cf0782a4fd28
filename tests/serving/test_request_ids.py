"""Request ids are the caller's where they are safe."""

from __future__ import annotations

import pytest

from serving.request_ids import RequestIds


def test_a_safe_id_is_kept() -> None:
    """The caller finds its own id in the answer."""
    assert RequestIds().of(b"order-7.a_B") == b"order-7.a_B"


@pytest.mark.parametrize("given", [None, b"", b"a b", b'"', b"\r\nx: y", b"x" * 129, "é".encode()])
def test_an_unsafe_id_is_replaced(given: bytes | None) -> None:
    """What could break a header, a log line or JSON is replaced by a new id."""
    ids = RequestIds()
    assert ids.of(given) != given
    assert ids.of(given) != ids.of(given)


def test_processes_do_not_share_ids() -> None:
    """Two makers of ids never make the same one."""
    first, second = RequestIds(), RequestIds()
    assert not {first.of(None) for _ in range(100)} & {second.of(None) for _ in range(100)}
