"""``tabento export``: what a user types, reads and gets as an exit code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento import Contract
from tabento.errors import TabentoError
from tests.tabento.adopt.makers import (
    TREE_TYPES,
    boat_pipeline,
    boats,
    save_joblib,
    save_skops,
    stone_pipeline,
    stones,
    write_csv,
)
from training.__main__ import main

TRUST = [word for name in TREE_TYPES for word in ("--trust", name)]


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The command for the stones, without trust."""
    frame = write_csv(stones(), tmp_path / "rows.csv")
    path = save_skops(stone_pipeline(frame), tmp_path / "stones.skops")
    return ["export", str(path), "--sample", str(tmp_path / "rows.csv"), "-o", str(tmp_path / "stones.onnx")]


def test_report_is_printed_and_the_model_is_written(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contract, the numbers of the proof and the files; model and contract can be read back."""
    assert main([*words, *TRUST, "--target", "kind"]) == 0
    out, err = capsys.readouterr()
    for text in ("mass", "kind: one of 1, 2, 3, with probabilities", "compared rows", "other labels", "12 trees"):
        assert text in out
    assert "the model answers what the pipeline answers" in out
    assert "note: trusted because you said so" in err
    onnx.checker.check_model(onnx.load(tmp_path / "stones.onnx"))
    contract = Contract.model_validate_json((tmp_path / "stones.contract.json").read_text(encoding="utf-8"))
    assert (contract.name, contract.feature_names) == ("stones", ("mass", "density", "veins"))


def test_file_that_is_not_trusted_is_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Types and pickles need consent; without it nothing is written."""
    assert main(words) == 1
    assert capsys.readouterr().err.startswith("error: stones.skops would create 1 type")
    words[1] = str(save_joblib(stone_pipeline(stones()), tmp_path / "stones.joblib"))
    assert main(words) == 1
    assert "--i-trust-this-file" in capsys.readouterr().err
    assert not (tmp_path / "stones.onnx").exists()
    assert main([*words, "--i-trust-this-file"]) == 0


@pytest.mark.slow
def test_model_that_answers_differently_is_not_written(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused proof is one line with exit code 1; ``--verbose`` raises."""
    import tabento.exact_export

    honest = tabento.exact_export.export_pipeline
    other = stone_pipeline(stones(seed=8))
    monkeypatch.setattr(
        tabento.exact_export, "export_pipeline", lambda pipeline, frame, **options: honest(other, frame, **options)
    )
    assert main([*words, *TRUST]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: the ONNX model of stones.skops does not answer what the pipeline answers")
    assert not (tmp_path / "stones.onnx").exists()
    with pytest.raises(TabentoError):
        main([*words, *TRUST, "--verbose"])


def test_folder_that_does_not_exist_is_told_before_the_work(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The output is checked before the file is loaded."""
    words[-1] = str(tmp_path / "none" / "stones.onnx")
    assert main(words) == 1
    assert "does not exist. Create it, or give another path" in capsys.readouterr().err


def test_pipeline_that_cannot_be_asked_is_one_message(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipeline with a missing attribute is told in one line that names the file."""
    pipeline = boat_pipeline(boats())
    del pipeline.named_steps["columns"].transformers_
    write_csv(boats(), tmp_path / "rows.csv")
    words[1] = str(save_joblib(pipeline, tmp_path / "broken.joblib"))
    assert main([*words, "--i-trust-this-file"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "broken.joblib" in last


def test_columns_of_an_array_are_named_by_the_sample(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A pipeline without column names is refused until the sample may name them."""
    rows = stones()
    columns = ["mass", "density"]
    values = rows[columns].to_numpy(dtype=np.float64)
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(values, values.sum(axis=1))
    words[1] = str(save_skops(pipeline, tmp_path / "sum.skops"))
    rows[[*columns, "kind"]].to_csv(tmp_path / "rows.csv", index=False)
    assert main([*words, "--target", "kind"]) == 1
    assert "--columns-from-sample" in capsys.readouterr().err
    assert main([*words, "--target", "kind", "--columns-from-sample"]) == 0
