"""A run: from a file to a config that the data fits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training.commands.init.files import QUIET, request_for, sixty_rows
from training.commands.init.errors import InitError
from training.commands.init.run import init
from training.config import load_config


def test_config_is_written_and_fits(tmp_path: Path) -> None:
    """The config is valid, the data is split by it, and nothing else is written."""
    path = sixty_rows(tmp_path / "rows.csv")
    result = init(request_for(path), QUIET)
    config = load_config(tmp_path / "configs" / "model.yaml")
    assert [feature.name for feature in config.features] == ["a", "b"]
    assert (len(result.parts.train), len(result.parts.test)) == (48, 12)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["configs", "rows.csv"]


def test_config_is_not_written_over(tmp_path: Path) -> None:
    """Only --force replaces what somebody may have edited."""
    path = sixty_rows(tmp_path / "rows.csv")
    out = tmp_path / "configs" / "model.yaml"
    out.parent.mkdir()
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(InitError, match="exists already and is not written over"):
        init(request_for(path), QUIET)
    assert out.read_text(encoding="utf-8") == "mine"
    init(request_for(path, force=True), QUIET)
    assert out.read_text(encoding="utf-8") != "mine"


def test_leaking_column_is_dropped_and_said(tmp_path: Path) -> None:
    """A column that says the answer goes, with the reason in the config and on the list."""
    frame = pd.read_csv(sixty_rows(tmp_path / "rows.csv"))
    frame["refunded"] = np.where(frame["y"] == "yes", "full", "none")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    result = init(request_for(tmp_path / "rows.csv"), QUIET)
    assert result.config.drop == {"refunded": "Suspected of leakage: alone it predicts y with an area under the ROC curve of 1.000."}  # fmt: skip
    assert "refunded" in result.draft.doubts[0]


def test_table_of_leaks_is_told(tmp_path: Path) -> None:
    """If every column says the answer, there is nothing to learn."""
    lines = [f"{'full' if n % 4 == 0 else 'none'},{'yes' if n % 4 == 0 else 'no'}" for n in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["refunded,y", *lines]), encoding="utf-8")
    with pytest.raises(InitError, match="each of 'refunded' nearly says the answer, y"):
        init(request_for(tmp_path / "rows.csv"), QUIET)


def test_copies_and_duplicates_are_found(tmp_path: Path) -> None:
    """A column that equals another goes; rows that equal others are counted, and stay."""
    frame = pd.read_csv(sixty_rows(tmp_path / "rows.csv"))
    frame["again"] = frame["b"]
    frame.to_csv(tmp_path / "rows.csv", index=False)
    result = init(request_for(tmp_path / "rows.csv"), QUIET)
    assert result.config.drop == {"again": "Equals b in every row."}
    assert result.draft.duplicates == int(frame.duplicated().sum()) > 0
    assert any("set `duplicates: drop`" in doubt for doubt in result.draft.doubts)


def test_large_file_is_looked_at_in_part(tmp_path: Path) -> None:
    """Beyond the limit the first rows decide, and that is said."""
    path = sixty_rows(tmp_path / "rows.csv")
    path.write_text(path.read_text() + "999,green,no\n" * 100, encoding="utf-8")
    request = dataclasses.replace(request_for(path), prefix_bytes=650)
    result = init(request, QUIET)
    assert any("Only the first" in doubt for doubt in result.draft.doubts)
    assert result.config.features[1].unknown == "ignore"


def test_table_without_columns_to_learn_from_is_told(tmp_path: Path) -> None:
    """All reasons are named."""
    lines = [f"{n},7,{'yes' if n % 3 else 'no'}" for n in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["id,c,y", *lines]), encoding="utf-8")
    with pytest.raises(InitError, match=r"all are dropped:\n  id: A row number.*\n  c: Constant"):
        init(request_for(tmp_path / "rows.csv"), QUIET)


def test_small_table_gets_a_config_and_the_fault(tmp_path: Path) -> None:
    """What cannot be trained on yet is told; the config is there for a person to correct."""
    path = sixty_rows(tmp_path / "rows.csv")
    path.write_text("\n".join(path.read_text().splitlines()[:20]), encoding="utf-8")
    with pytest.raises(
        InitError, match=r"the config is written to .*, but it cannot be trained on .*\n(.*\n)*.*50 rows"
    ):
        init(request_for(path), QUIET)
    assert load_config(tmp_path / "configs" / "model.yaml").name == "model"


@pytest.mark.parametrize("name", ["Telco", "1st", "a-b", "", "x" * 55, "a_"])
def test_impossible_name_is_told(tmp_path: Path, name: str) -> None:
    """Before the file is read."""
    with pytest.raises(InitError, match="--name: expected lower-case letters"):
        init(request_for(tmp_path / "nowhere.csv", name=name), QUIET)


def test_impossible_target_name_is_told(tmp_path: Path) -> None:
    """The target is the name of the answer."""
    path = sixty_rows(tmp_path / "rows.csv", header='a,b,"say ""y"""')
    with pytest.raises(InitError, match="cannot be the name of a field"):
        init(request_for(path, 'say "y"'), QUIET)


def test_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file in the place of the folder is named with the error."""
    path = sixty_rows(tmp_path / "rows.csv")
    (tmp_path / "configs").write_text("a file")
    with pytest.raises(InitError, match="cannot be written"):
        init(request_for(path), QUIET)
