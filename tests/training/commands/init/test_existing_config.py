"""An existing config: kept for the same target, refused for another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.commands.init.files import QUIET, request_for, sixty_rows
from training.commands.init.errors import InitError
from training.commands.init.existing_config import keep_existing_config
from training.commands.init.run import init
from training.config import ConfigError


def test_config_for_the_same_target_is_kept(tmp_path: Path) -> None:
    """What a person edited stays, and the data is converted again."""
    path = sixty_rows(tmp_path / "rows.csv", header="a;b;y", separator=";")
    request = request_for(path)
    assert keep_existing_config(request, QUIET) is None
    result = init(request, QUIET)
    edited = request.out.read_text(encoding="utf-8").replace("test_size: 0.2", "test_size: 0.3")
    request.out.write_text(edited, encoding="utf-8")
    result.data.unlink()
    assert keep_existing_config(request, QUIET) == result.data
    assert result.data.exists()
    assert request.out.read_text(encoding="utf-8") == edited


def test_config_for_another_target_is_told(tmp_path: Path) -> None:
    """One name stands for one model; --force replaces it."""
    path = sixty_rows(tmp_path / "rows.csv")
    init(request_for(path), QUIET)
    with pytest.raises(InitError, match=r"predicts 'y'; expected 'b'.*NAME=other"):
        keep_existing_config(request_for(path, "b"), QUIET)
    assert keep_existing_config(request_for(path, "b", force=True), QUIET) is None


def test_broken_config_is_told(tmp_path: Path) -> None:
    """It is not silently replaced."""
    request = request_for(sixty_rows(tmp_path / "rows.csv"))
    request.out.parent.mkdir()
    request.out.write_text("name: [", encoding="utf-8")
    with pytest.raises(ConfigError):
        keep_existing_config(request, QUIET)
