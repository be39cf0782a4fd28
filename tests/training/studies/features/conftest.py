"""Fits of these tests are small: starting processes for them would take longer than they do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def one_process() -> Iterator[None]:
    """Let joblib see one core, so that it fits in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOKY_MAX_CPU_COUNT", "1")
        yield
