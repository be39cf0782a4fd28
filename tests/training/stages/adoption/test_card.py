"""The card of an imported model: its origin first, and no figure that nobody measured."""

from __future__ import annotations

import pytest

from tabento.adopt.load import LoadedPipeline
from tabento.bundle.contract import Feature, Output
from tabento.bundle.manifest import Provenance
from tabento.packaging.latency import BatchLatency, LatencyTable, Machine
from tabento.parity import ParityReport
from training.gate import GateReport
from training.stages.adoption.card import ImportSummary, figure_rows, render_import_card
from training.stages.adoption.config import build_config, default_gate

PARITY = ParityReport(
    limit=1e-9,
    rows=10,
    worst_absolute=0.0,
    worst_relative=0.0,
    beyond_share=0.0,
    parts=(),
    batches=(),
    worst_rows=(),
)
LATENCY = LatencyTable(
    machine=Machine(cpu="a processor", cores=2),
    versions={"onnxruntime": "1"},
    threads=1,
    rounds=1,
    batches=(BatchLatency(rows=1, p50_us=5, p99_us=9, us_per_row=5, runs=10),),
)


def card_of(metrics: dict[str, float], output: Output, remarks: tuple[str, ...] = ()) -> str:
    """Render a card."""
    config = build_config(
        name="rocks",
        title="Rocks",
        description="Says what a stone is.",
        output=output,
        features=(
            Feature(
                name="mass",
                type="number",
                unit="g",
                minimum=0,
                maximum=9,
                nullable=True,
                description="weighed | in air, <b>",
            ),
            Feature(name="colour", type="category", categories=("red", "grey"), unknown="ignore"),
        ),
        gate=default_gate(10.0),
    )
    provenance = Provenance(
        data="real",
        data_source="rows.csv",
        data_sha256="a" * 64,
        rows=1234,
        fingerprint="f" * 64,
        pipeline_tag="rocks-pipeline:1",
        trained_at="2026-01-01T00:00:00+00:00",
        versions={"python": "3.11"},
    )
    loaded = LoadedPipeline(object(), "skops", "rocks.skops", "b" * 64, ())
    summary = ImportSummary("rocks:1", loaded, provenance, metrics, PARITY, LATENCY, GateReport(checks=()), remarks)
    return render_import_card(config, summary)


def test_card_tells_the_origin() -> None:
    """File, sample, checksums, and that nobody here knows the training data."""
    card = card_of({}, Output(name="kind", classes=("x", "y")), ("fitted with scikit-learn 1.0",))
    for text in (
        "**Imported.**",
        "rocks.skops (skops)",
        "b" * 64,
        "rows.csv, 1,234 rows",
        "- fitted with scikit-learn 1.0",
    ):
        assert text in card
    assert "one of `x`, `y`." in card
    assert "- `colour` is known to be `red`, `grey`" in card
    assert "nothing was measured" in card


def test_figures_come_with_their_caveat() -> None:
    """The sample may be what the pipeline was fitted on."""
    card = card_of({"rmse": 12.5, "r2": 0.5}, Output(name="price", unit="euro"))
    assert "If the pipeline was fitted on them" in card
    assert "| RMSE | 12.5 euro |" in card
    assert "a number in euro" in card


def test_table_is_kept_whole() -> None:
    """Bars and brackets in what somebody wrote do no harm."""
    assert "weighed \\| in air, &lt;b>" in card_of({}, Output(name="y"))


@pytest.mark.parametrize(("value", "cell"), [(0.75, "0.75"), (1234.5, "1,234"), (3.0, "3")])
def test_figures_have_the_digits_that_matter(value: float, cell: str) -> None:
    """Known metrics have names for people; others keep their own."""
    assert figure_rows(Output(name="y", classes=(1, 2)), {"accuracy": value}) == [("Accuracy", cell)]
    assert figure_rows(Output(name="y"), {"other": value}) == [("other", cell)]
