"""The data card describes origin, composition and known problems of the data."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tabento.packaging.reference import build_reference
from tests.training.gate.gates import cached_report, orchard_gate_input, seedling_gate_input
from tests.training.report.card.test_quality_sections import findings_of
from training.config import CardNotes, ModelConfig
from training.report.card import Findings, render_data_card

NOTES = CardNotes(
    motivation="Gardeners wanted to know.",
    collection="Counted by hand in spring.",
    known_problems=("Rabbits are not counted.",),
    intended_use=("Planning beds.",),
    out_of_scope=("Judging gardeners.",),
    sensitive={"label": "It names the owner."},
)


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    """The seedlings' config with notes."""
    return seedling_gate_input().config.model_copy(update={"card": NOTES})


@pytest.fixture(scope="module")
def findings(config: ModelConfig) -> Findings:
    """What a run on real data has found out about the seedlings."""
    gate_input = seedling_gate_input()
    reference = build_reference(
        config.contract(), gate_input.train, np.resize(gate_input.answers, (len(gate_input.train), 3))
    )
    return findings_of(
        gate_input, cached_report(gate_input), reference=reference, warnings=("leaves: 8% are missing.",)
    )


def synthetic(findings: Findings) -> Findings:
    """Return the same findings on made-up rows."""
    changes = {"data": "synthetic", "data_source": "synthetic, seed 5"}
    return dataclasses.replace(findings, provenance=findings.provenance.model_copy(update=changes))


def test_questions_of_a_datasheet_are_answered(config: ModelConfig, findings: Findings) -> None:
    """Each question has a section, in the order of the datasheets."""
    card = render_data_card(config, findings)
    titles = [line[3:] for line in card.splitlines() if line.startswith("## ")]
    assert titles == [
        *("Motivation", "Composition", "Collection", "Preparation"),
        *("Known problems", "Sensitive columns", "Uses", "Maintenance"),
    ]
    for text in ("Gardeners wanted to know.", "Counted by hand in spring.", "- Planning beds.", "- Judging gardeners."):
        assert text in card
    assert "None" not in card.replace("None is on record", "")


def test_distributions_are_those_of_the_training_rows(config: ModelConfig, findings: Findings) -> None:
    """Numbers have quantiles and their unit, categories their shares, the target its classes."""
    card = render_data_card(config, findings)
    train = seedling_gate_input().train
    assert f"| moisture |  | {train['moisture'].isna().mean():.1%} |" in card
    assert "| height | cm | 0 |" in card
    share = (train["fate"] == 1).mean()
    assert f"| fate (target) | class | 0 | alive {1 - share:.1%}, died {share:.1%} |" in card
    assert "| bed | category | 0 | loam " in card
    assert "900 rows, 5 features and the target `fate`." in card


def test_problems_are_those_of_the_config_and_the_study(config: ModelConfig, findings: Findings) -> None:
    """The card has the problems of the config and of the study; without problems it states that none are recorded."""
    card = render_data_card(config, findings)
    assert "- Rabbits are not counted." in card
    assert "- leaves: 8% are missing. (found by the study of the data)" in card
    bare = dataclasses.replace(findings, warnings=())
    assert "does not mean that there is none" in render_data_card(seedling_gate_input().config, bare)


def test_synthetic_rows_have_no_notes_about_real_data(config: ModelConfig, findings: Findings) -> None:
    """The card of synthetic data has no notes about the real data."""
    card = render_data_card(config, synthetic(findings))
    assert card.split("\n\n")[1].startswith("> **SYNTHETIC DATA.")
    for text in ("Counted by hand", "Gardeners wanted", "Rabbits"):
        assert text not in card
    assert "No person and no place stands behind a row" in card
    assert "synthetic" not in render_data_card(config, findings).lower()


def test_unknown_licence_is_reported(config: ModelConfig, findings: Findings) -> None:
    """A missing licence is reported; a known licence is listed with the source and its checksum."""
    assert "Licence: not on record" in render_data_card(config, findings)
    source = {"url": "https://example.org/x.csv", "sha256": "a" * 64, "licence": "CC0", "citation": "A. Gardener"}
    config_with_source = ModelConfig.model_validate({**config.model_dump(), "source": source})
    card = render_data_card(config_with_source, findings)
    assert "- Licence: CC0" in card
    assert "not on record" not in card
    assert "- Public copy: https://example.org/x.csv, the very file" in card
    other = ModelConfig.model_validate({**config.model_dump(), "source": {**source, "sha256": "b" * 64}})
    assert "a file with another checksum" in render_data_card(other, findings)


def test_sensitive_columns_are_listed(config: ModelConfig, findings: Findings) -> None:
    """Sensitive columns are listed with whether the model receives them."""
    assert "| label | no, dropped | It names the owner. |" in render_data_card(config, findings)
    assert "names no column" in render_data_card(seedling_gate_input().config, findings)


def test_card_without_distributions_is_complete() -> None:
    """Without a reference the composition is one sentence; with a reference a numeric target is in the table."""
    gate_input = orchard_gate_input()
    run_findings = findings_of(gate_input, cached_report(gate_input))
    assert "7 features and the target `apples`. Apples of one year." in render_data_card(
        gate_input.config, run_findings
    )
    reference = build_reference(gate_input.config.contract(), gate_input.train, gate_input.train["apples"])
    card = render_data_card(gate_input.config, dataclasses.replace(run_findings, reference=reference))
    assert "| apples (target) | kg | 0 |" in card
    assert "| pruned | boolean | 0 |" in card
