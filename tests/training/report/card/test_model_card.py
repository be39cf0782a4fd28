"""The model card has all results of the run, and a banner for synthetic data."""

from __future__ import annotations

import dataclasses

import pytest

from tabento.bundle.manifest import Provenance
from tabento.packaging.latency import BatchLatency, LatencyTable, Machine
from tabento.parity import BatchParity, ParityPart, ParityReport
from tests.conftest import ORCHARD
from tests.training.gate.gates import latency_table
from training.config import CardNotes, ModelConfig, load_config
from training.gate import check_gate
from training.report.card import Findings, markdown_table, metric_rows, parity_section, render_card

METRICS = {"mae": 5.5, "rmse": 41_000.25, "r2": 0.8722, "mape": 15.04, "zero_targets": 0.0, "new_metric": 0.5}


@pytest.fixture
def config() -> ModelConfig:
    """The tiny model's config."""
    return load_config(ORCHARD)


@pytest.fixture
def findings(config: ModelConfig) -> Findings:
    """What a run on synthetic data may find."""
    part = ParityPart(
        name="derived_thresholds",
        rows=12_345,
        undecided=7,
        worst_absolute=0.0,
        worst_relative=1e-13,
        beyond_share=0.0,
    )
    return Findings(
        tag="orchard:abc",
        provenance=Provenance(
            data="synthetic",
            data_source="synthetic, seed 3",
            data_sha256="d" * 64,
            rows=800,
            fingerprint="f" * 64,
            git_commit="c" * 40 + "+",
            pipeline_tag="orchard-pipeline:abc",
            trained_at="2026-01-01T00:00:00+00:00",
            versions={"python": "3.11.7", "numpy": "2.4.6"},
        ),
        train_rows=600,
        test_rows=200,
        metrics=METRICS,
        parity=ParityReport(
            limit=1e-9,
            rows=12_345,
            worst_absolute=0.0,
            worst_relative=1e-13,
            beyond_share=0.0,
            ensembles=1,
            trees=30,
            undecided=7,
            refused=("missing values of age",),
            parts=(part,),
            batches=(
                BatchParity(size=2, bit_equal=True, worst_relative=0.0),
                BatchParity(size=50, bit_equal=False, worst_relative=1e-13),
            ),
            worst_rows=(),
        ),
        latency=LatencyTable(
            machine=Machine(cpu="Example CPU", cores=2),
            versions={"onnxruntime": "1.31"},
            threads=1,
            rounds=5,
            batches=(BatchLatency(rows=1, p50_us=20.0, p99_us=30.5, us_per_row=20.0, runs=1000),),
        ),
        gate=check_gate(config.gate, METRICS, 1e-13, latency_table(30.5), 1 << 19),
    )


def real(findings: Findings) -> Findings:
    """The same findings on real data."""
    provenance = findings.provenance.model_copy(update={"data": "real", "data_source": "trees.csv"})
    return dataclasses.replace(findings, provenance=provenance)


def test_synthetic_data_is_announced_at_the_top(config: ModelConfig, findings: Findings) -> None:
    """The banner is directly below the title, and the limits repeat it."""
    card = render_card(config, findings)
    assert card.split("\n\n")[1].startswith("> **SYNTHETIC DATA.")
    assert "no figure of this card says anything about real data" in card
    assert "make train MODEL=orchard DATA=synthetic" in card


def test_real_data_has_no_banner(config: ModelConfig, findings: Findings) -> None:
    """A model of real data is not called synthetic anywhere."""
    card = render_card(config, real(findings))
    assert "synthetic" not in card.lower()
    assert "trees.csv (real)" in card


def test_every_column_is_listed(config: ModelConfig, findings: Findings) -> None:
    """Features have type, range, unit and description; dropped columns their reason; derived ones their formula."""
    card = render_card(config, findings)
    for feature in config.features:
        assert f"| {feature.name} | {feature.type} | {feature.unit or ''} |" in card
        assert feature.expected() in card
        assert feature.description in card
    assert "| tag | The number on the tree's tag names the tree. |" in card
    assert "`slenderness` = `height` / `crown width`" in card
    assert "(`crown width`, `height`) to 3 k-means centres" in card


def test_figures_are_those_of_the_run(config: ModelConfig, findings: Findings) -> None:
    """Metrics, parity, latency, gate and provenance are in the card with their units."""
    card = render_card(config, findings)
    for text in (
        "| RMSE | 41,000 kg |",
        "| derived thresholds | 12,345 | 0 | 1e-13 | 0.00% | 0 | 7 |",
        "The leaf that each of 30 trees reaches was compared on every row; 0.00% of rows take another branch.",
        "7 undecided rows",
        "it never gets to the graph: missing values of age.",
        "batch of 2 got the very same double. In batches of 50 they differ, within the limit.",
        "| 1 |  | 20.0 |  | 30.5 | 20.00 |",
        "| metrics.r2 | 0.8722 | at least 0.2 | passed |",
        "thread of Example CPU (2 cores)",
        "`" + "f" * 64 + "`",
        "c" * 40 + ", with changes that were not committed",
        "| numpy | 2.4.6 |",
        "800, of which 600 for training and 200 for test",
        "stratified by `age` at 10, 30, test share 0.25, seed 7",
    ):
        assert text in card


def test_proof_of_labels_has_a_column_for_them(findings: Findings) -> None:
    """A classification's card has the number of different labels; float32 operators and unread trees are named."""
    changes = {"classification": True, "single_precision": ("Cast",), "unread_ensembles": ("model/forest",)}
    section = parity_section(findings.parity.model_copy(update=changes), None)
    assert "| other branch | undecided | other label |" in section
    assert "| 0 | 7 | 0 |" in section
    assert "Cast computes in float32" in section
    assert "`model/forest` were compared by their answers only" in section


def test_source_gives_licence_and_citation(config: ModelConfig, findings: Findings) -> None:
    """Licence and citation of the config's source are only in the card of a model of real data."""
    content = config.model_dump()
    content["source"] = {
        "url": "https://example.org/trees.csv",
        "sha256": "0" * 64,
        "licence": "CC0",
        "citation": "A. Pomologist",
    }
    sourced = ModelConfig.model_validate(content)
    card = render_card(sourced, real(findings))
    assert "- Licence: CC0\n- Citation: A. Pomologist" in card
    assert "Pomologist" not in render_card(sourced, findings)


def test_plain_model_has_a_shorter_card(config: ModelConfig, findings: Findings) -> None:
    """Without unit, dropped and derived columns, ranges, commit and stored pipeline the card is still complete."""
    content = config.model_dump()
    content |= {"drop": {}, "derived": {}, "split": {}, "features": content["features"][:2]}
    content["target"] = {"name": "apples"}
    provenance = findings.provenance.model_copy(update={"git_commit": None, "pipeline_tag": None})
    card = render_card(ModelConfig.model_validate(content), dataclasses.replace(findings, provenance=provenance))
    assert "None" not in card
    assert "does not see" not in card
    assert "Computed inside" not in card
    assert "Training took targets" not in card
    assert "| RMSE | 41,000 |" in card
    assert "unknown (trained outside a checkout)" in card


def test_metrics_are_in_the_order_of_the_reports(config: ModelConfig) -> None:
    """Known metrics are first, by importance; a metric without a name is last, under its key."""
    assert metric_rows(config, METRICS) == [
        ("RMSE", "41,000 kg"),
        ("MAE", "5.5 kg"),
        ("R²", "0.8722"),
        ("MAPE", "15.04 %"),
        ("Rows whose truth is 0", "0 rows"),
        ("new_metric", "0.5"),
    ]


def test_cells_cannot_break_a_table() -> None:
    """Bars, tags and line breaks inside a cell are escaped."""
    assert markdown_table(("a",), [("x|y\n<1H",)]) == "| a |\n| --- |\n| x\\|y &lt;1H |"


def test_intervals_are_next_to_the_metrics(config: ModelConfig, findings: Findings) -> None:
    """Each metric has its interval; a metric without an interval, or with an interval of zero width, has a dash."""
    changed_findings = dataclasses.replace(
        findings, intervals={"rmse": (39_000.0, 43_000.0), "zero_targets": (0.0, 0.0)}
    )
    card = render_card(config, changed_findings)
    assert "| RMSE | 41,000 kg | 39,000 to 43,000 |" in card
    assert "| R² | 0.8722 | – |" in card
    assert "| Rows whose truth is 0 | 0 rows | – |" in card


def test_notes_of_the_config_are_in_the_card(config: ModelConfig, findings: Findings) -> None:
    """The config's notes about uses, ethics and limits are under their headings."""
    notes = CardNotes(
        intended_use=("Planning the harvest.",),
        out_of_scope=("Setting a tree's price.",),
        ethics=("Nobody is harmed.",),
        limits=("Trees of cities were not seen.",),
        sensitive={"tag": "It names the owner.", "soil": "It gives the place away."},
    )
    card = render_card(config.model_copy(update={"card": notes}), findings)
    parts = {part.partition("\n")[0]: part for part in card.split("\n## ")}
    assert "- Planning the harvest." in parts["Intended use"]
    assert "### Out of scope\n\n- Setting a tree's price." in parts["Intended use"]
    assert "- Nobody is harmed." in parts["Ethics"]
    assert "| tag | no, dropped | It names the owner. |" in parts["Ethics"]
    assert "| soil | yes | It gives the place away. |" in parts["Ethics"]
    assert "- Trees of cities were not seen." in parts["Limits"]
    assert "## Ethics" not in render_card(config, findings)


def test_decisions_of_the_studies_are_in_the_card(config: ModelConfig, findings: Findings) -> None:
    """Columns, clusters and imputation are the fitted ones, and the command reproduces them."""
    decisions = config.decisions().model_copy(
        update={"columns": ("crown width", "height", "slope"), "n_clusters": 5, "impute": "median"}
    )
    changed_findings = dataclasses.replace(
        findings, decisions=decisions, selection="# Selection\n\nridge won.", sweep="30 trials."
    )
    card = render_card(config, changed_findings)
    assert "| columns | 3 of 7 |" in card
    assert "The model is sent `age`, `pruned`, `sort`, `soil` as well and ignores them." in card
    assert "to 5 k-means centres" in card
    assert "Missing numbers are replaced (median of" in card
    assert "## How the estimator was selected\n\n### Selection\n\nridge won." in card
    assert "## How its parameters were found\n\n30 trials." in card
    assert "tabento train --config configs/orchard.yaml --data synthetic --steps all" in card


def test_derived_features_need_their_columns(config: ModelConfig, findings: Findings) -> None:
    """A ratio or a cluster of dropped columns is not in the card."""
    decisions = config.decisions().model_copy(update={"columns": ("age", "height")})
    assert "slenderness" not in render_card(config, dataclasses.replace(findings, decisions=decisions))
