"""Stages run only where something changed, say what they lack, and leave what was whole when they fail."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tabento.errors import SaveError, TabentoError
from tests.training.stages.small import context_of, copy_artifacts, ran, run, small_config
from training.model.pipeline import FitError
from training.progress import Progress
from training.stages import fit
from training.stages.context import Context, read_decisions, write_decisions
from training.stages.outcome import Outcome
from training.stages.runner import FinishedStage, report_stages, run_stages

UP_TO_FIT = "config,data,validate,fit"


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_second_run_does_nothing(tmp_path: Path) -> None:
    """Without a change all stages are skipped, and a line says so for each."""
    assert ran(run(small_config(), tmp_path, UP_TO_FIT)) == ["config", "data", "validate", "fit"]
    before = content(tmp_path / "artifacts")
    out = io.StringIO()
    context = context_of(small_config(), tmp_path, UP_TO_FIT)
    context = Context(context.config, context.settings, Progress(out, out), context.workspace, context.plan)
    assert not any(item.ran for item in run_stages(context))
    assert out.getvalue().count("unchanged since it last ran, skipped") == 4
    assert content(tmp_path / "artifacts") == before


def test_only_what_changed_is_redone(tmp_path: Path) -> None:
    """Another section of the config runs the stages that read it; force runs all."""
    copy_artifacts(tmp_path, UP_TO_FIT)
    assert ran(run(small_config(seed=7), tmp_path, UP_TO_FIT)) == ["config", "fit"]
    # Validation writes down why columns are dropped; its rows stay the same, so the fit stays, too.
    other = small_config(seed=7, drop=dict.fromkeys(("height", "pruned", "soil"), "Nobody measures it."))
    assert ran(run(other, tmp_path, UP_TO_FIT)) == ["config", "validate"]
    assert ran(run(other, tmp_path, UP_TO_FIT, force=True)) == UP_TO_FIT.split(",")


def test_output_that_was_changed_by_hand_is_made_anew(tmp_path: Path) -> None:
    """A file of a stage that is not what it wrote does not count, and is put right."""
    copy_artifacts(tmp_path, UP_TO_FIT)
    metrics = tmp_path / "artifacts" / "orchard" / "fit" / "metrics.json"
    truth = metrics.read_bytes()
    metrics.write_text('{"rmse": 0.0}')
    assert ran(run(small_config(), tmp_path, UP_TO_FIT)) == ["fit"]
    assert metrics.read_bytes() == truth


def test_other_data_runs_what_follows(tmp_path: Path) -> None:
    """Rows that differ go through all stages; the same rows under another setting do not."""
    copy_artifacts(tmp_path, UP_TO_FIT)
    content = small_config().model_dump()
    other = small_config(synthetic={**content["synthetic"], "seed": 9})
    assert ran(run(other, tmp_path, UP_TO_FIT)) == ["config", "data", "validate", "fit"]


def test_raw_copy_is_what_was_read(tmp_path: Path) -> None:
    """The copy is byte for byte the file, read-only, with its checksum and origin beside it."""
    copy_artifacts(tmp_path, "data")
    folder = tmp_path / "artifacts" / "orchard" / "data"
    data_file = tmp_path / "trees.csv"
    data_file.write_bytes((folder / "raw.csv").read_bytes().replace(b"\n", b"\r\n"))
    context = context_of(small_config(), tmp_path, "data")
    context = Context(**{**vars(context), "given_data": str(data_file)})
    assert [item.ran for item in run_stages(context)] == [True]
    assert (folder / "raw.csv").read_bytes() == data_file.read_bytes()
    assert (folder / "raw.csv").stat().st_mode & 0o222 == 0
    source = json.loads((folder / "source.json").read_bytes())
    assert (source["kind"], source["source"], source["rows"]) == ("real", "trees.csv", 260)
    assert [item.ran for item in run_stages(context)] == [False]


def test_missing_input_names_stage_and_command(tmp_path: Path) -> None:
    """Who begins in the middle is told what has to run before."""
    with pytest.raises(TabentoError, match=r"resolved\.json, which the stage validate makes.*--steps validate"):
        run(small_config(), tmp_path, "fit")
    copy_artifacts(tmp_path, "config,data,validate")
    with pytest.raises(TabentoError, match=r"best_params\.yaml, which the stage sweep makes.*--steps sweep"):
        run(small_config(), tmp_path, "fit", "sweep")
    assert not (tmp_path / "artifacts" / "orchard" / "fit").exists()


@pytest.mark.parametrize("ending", [FitError("no"), KeyboardInterrupt()])
def test_failing_stage_leaves_the_old_output_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: BaseException
) -> None:
    """An error or Ctrl-C in the middle of a stage changes no file, and the next run goes on from there."""
    copy_artifacts(tmp_path, UP_TO_FIT)
    before = content(tmp_path / "artifacts")

    def fail(context: Context, folder: Path) -> Outcome:
        (folder / "metrics.json").write_text("{")
        raise ending

    with monkeypatch.context() as patch:
        patch.setattr(fit, "run", fail)
        with pytest.raises(type(ending)):
            run(small_config(), tmp_path, "fit", force=True)
    assert content(tmp_path / "artifacts") == before
    assert ran(run(small_config(), tmp_path, UP_TO_FIT)) == []


def test_stage_that_keeps_silent_about_an_output_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage has to write what it is declared to make."""
    copy_artifacts(tmp_path, "config,data,validate")
    monkeypatch.setattr(fit, "run", lambda context, folder: Outcome("nothing"))
    with pytest.raises(SaveError, match=r"the stage fit has not written pipeline\.joblib"):
        run(small_config(), tmp_path, "fit")


def test_decisions_are_handed_on(tmp_path: Path) -> None:
    """The fit takes what the stage before decided where that is asked for, and else what the config says."""
    copy_artifacts(tmp_path, "config,data,validate")
    decisions = small_config().decisions().model_copy(update={"impute": "median"})
    decisions_file = tmp_path / "artifacts" / "orchard" / "select" / "decisions.yaml"
    decisions_file.parent.mkdir()
    write_decisions(decisions, decisions_file, "Decided by hand.")
    assert read_decisions(decisions_file) == decisions
    fitted = tmp_path / "artifacts" / "orchard" / "fit" / "decisions.yaml"
    run(small_config(), tmp_path, "fit")
    assert "impute: mean" in fitted.read_text()
    run(small_config(), tmp_path, "fit", "select")
    assert "impute: median" in fitted.read_text()


def test_decisions_that_say_something_else_are_refused(tmp_path: Path) -> None:
    """A file that holds no decisions is named, with every fault."""
    copy_artifacts(tmp_path, "config,data,validate")
    decisions_file = tmp_path / "artifacts" / "orchard" / "select" / "decisions.yaml"
    decisions_file.parent.mkdir()
    decisions_file.write_text("impute: guess\n")
    with pytest.raises(TabentoError, match=r"does not hold decisions:[\s\S]*impute: got 'guess'[\s\S]*--force"):
        run(small_config(), tmp_path, "fit", "select")


def test_summary_has_a_line_for_each_stage() -> None:
    """A stage that ran has its time and outcome; a skipped stage is marked as unchanged."""
    out = io.StringIO()
    report_stages(
        [FinishedStage("data", "260 rows", 1.26, True), FinishedStage("fit", "", 0.0, False)], Progress(out, out)
    )
    text = out.getvalue()
    assert "data       1.3 s  260 rows" in text
    assert "fit    unchanged" in text
    assert "total      1.3 s" in text


def test_what_the_data_gives_reaches_the_later_stages(tmp_path: Path) -> None:
    """Categories that the config leaves to the data are in the exported contract, and a second run finds them again."""
    columns = [column.model_dump() for column in small_config().features]
    for column in columns:
        if column["name"] == "sort":
            column |= {"categories": "from_data", "min_frequency": 5, "unknown": "ignore"}
    config = small_config(features=columns)
    assert config.is_open
    assert ran(run(config, tmp_path, UP_TO_FIT))[-1] == "fit"
    assert ran(run(config, tmp_path, UP_TO_FIT)) == []
    resolved = context_of(config, tmp_path, "fit").resolved()
    assert resolved.contract().features[-1].categories == ("BOSKOOP", "COX", "GLOSTER")
