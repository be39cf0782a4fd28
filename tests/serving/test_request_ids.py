"""Request ids are the caller's where they are safe."""

from __future__ import annotations

import pytest

from serving.request_ids import RequestIds


def test_a_safe_id_is_kept() -> None:
    """The caller finds its own id in the answer."""
    assert RequestIds().choose(b"order-7.a_B") == b"order-7.a_B"


@pytest.mark.parametrize("caller_id", [None, b"", b"a b", b'"', b"\r\nx: y", b"x" * 129, "é".encode()])
def test_an_unsafe_id_is_replaced(caller_id: bytes | None) -> None:
    """What could break a header, a log line or JSON is replaced by a new id."""
    ids = RequestIds()
    assert ids.choose(caller_id) != caller_id
    assert ids.choose(caller_id) != ids.choose(caller_id)


def test_processes_do_not_share_ids() -> None:
    """Two makers of ids never make the same one."""
    first, second = RequestIds(), RequestIds()
    assert not {first.choose(None) for _ in range(100)} & {second.choose(None) for _ in range(100)}
