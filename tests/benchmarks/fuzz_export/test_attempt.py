"""Random compositions: each is proven, refused by the export or refused by the import."""

import os
import signal

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from benchmarks.fuzz_export import attempt as attempts
from benchmarks.fuzz_export import run as runs
from benchmarks.fuzz_export.__main__ import main
from benchmarks.fuzz_export.attempt import FittedComposition, attempt, fit, import_outcome
from benchmarks.fuzz_export.draw import Draw
from benchmarks.fuzz_export.outcome import Result
from benchmarks.fuzz_export.report import document, reason, step_class, summary
from benchmarks.fuzz_export.tables import Table, draw_table

pytestmark = pytest.mark.slow

SEED = 20
COUNT = 8


def _table() -> Table:
    for number in range(100):
        table = draw_table(Draw(np.random.default_rng([1, number])))
        if table.target_kind == "regression" and not table.categories and not table.missing and table.header:
            return table
    raise AssertionError("expected a table of plain numbers among a hundred")


@pytest.mark.parametrize("number", range(COUNT))
def test_a_random_composition_is_proven_or_refused(number: int) -> None:
    """No composition ends with an error of another kind, a hang or a crash."""
    result = attempt(SEED, number, proof_rows=100)

    assert result.outcome in ("proven", "refused", "told", "not proven"), f"{result.pipeline}\n{result.trace}"
    assert result.outcome == "proven" or result.words


def test_a_number_gives_the_same_composition_again() -> None:
    """The same seed and number give the same pipeline and rows; another number gives another composition."""
    first, repeated, next_composition = (fit(SEED, number) for number in (3, 3, 4))

    assert first is not None
    assert repeated is not None
    assert next_composition is not None
    assert attempts.pipeline_text(first.pipeline) == attempts.pipeline_text(repeated.pipeline)
    assert first.table.frame.equals(repeated.table.frame)
    assert not first.table.frame.equals(next_composition.table.frame)


def test_an_error_of_another_kind_is_raw_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is not a TabentoError gives the outcome RAW, with its place and traceback."""

    def raise_stop_iteration(*_: object, **__: object) -> None:
        raise StopIteration("nothing left")

    monkeypatch.setattr(attempts, "import_pipeline", raise_stop_iteration)
    result = attempt(SEED, 0)

    assert result.outcome == "RAW"
    assert "StopIteration: nothing left" in result.trace
    assert result.place


def test_a_hang_is_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import above the limit of processor time gives the outcome RAW."""

    def endless(*_: object, **__: object) -> None:
        while True:
            pass

    monkeypatch.setattr(attempts, "import_pipeline", endless)
    monkeypatch.setattr(attempts, "CPU_SECONDS", 0.05)
    table = _table()
    outcome, error = import_outcome(FittedComposition(Ridge().fit(table.data, table.target), table, 0))

    assert outcome == "RAW"
    assert "more than 0.05 s" in str(error)


def test_a_plain_composition_is_proven() -> None:
    """Ridge on plain numbers is imported and proven."""
    table = _table()

    assert import_outcome(FittedComposition(Ridge().fit(table.data, table.target), table, 0)) == ("proven", None)


def test_a_process_that_ends_is_reported_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A composition that kills its process is RAW; the run continues with the next number."""
    started: list[runs._Worker] = []

    class Killed(runs._Worker):
        def give(self, number: int) -> None:
            started.append(self)
            super().give(number)
            if number == 5:
                os.kill(self.process.pid, signal.SIGKILL)

    monkeypatch.setattr(runs, "_Worker", Killed)
    messages: list[str] = []
    results = runs.run([5, 2], SEED, 1, messages.append)

    assert [result.number for result in results] == [5, 2]
    assert results[0].outcome == "RAW"
    assert "exit code -9" in results[0].words
    assert results[1].outcome != "RAW"
    assert started[0] is not started[1]
    assert messages


def test_the_report_counts_and_names() -> None:
    """The document contains the count of each outcome, refusals by class and reason, and errors with their place."""
    results = [
        Result(number=1, outcome="proven", classes=("Ridge",), pipeline="Ridge()"),
        Result(
            number=2,
            outcome="refused",
            step="pipeline/isomap1",
            words="step 'pipeline/isomap1' cannot be exported exactly: Isomap has 3 faults. Nearest that can: PCA",
        ),
        Result(number=3, outcome="RAW", words="StopIteration: ", place="training/x.py:3", pipeline="A|B"),
    ]

    assert "1 proven, 1 refused, 0 told, 0 not proven, 1 RAW" in summary(results)
    text = document(results, 7)
    assert "| isomap | Isomap has N faults | 1 | 2 |" in text
    assert "training/x.py:3" in text
    assert "A\\|B" in text
    assert "Ridge 1" in text
    assert reason("column 'a' has 3 values") == "column '…' has N values"
    assert step_class("best/pipeline/svc12, other") == "svc"


def test_wrong_arguments_are_refused() -> None:
    """Zero jobs or zero compositions are an error with exit code 2."""
    assert main(["--jobs", "0"]) == 2
    assert main(["--count", "0"]) == 2


def test_only_shows_the_pipeline_and_the_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    """``--only`` prints seed, number, pipeline and outcome."""
    main(["--seed", str(SEED), "--only", "0", "--proof-rows", "100"])

    output = capsys.readouterr().out
    assert f"seed {SEED}, number 0" in output
    assert "1 compositions" in output
