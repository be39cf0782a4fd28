"""The data card says what the data is, where it comes from and what is wrong with it, true to what is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.training.card.test_judgement import findings_of
from tests.training.gate.gates import gated, orchard_given, seedling_given
from training.card import Findings, render_data_card
from training.config import CardNotes, ModelConfig
from training.reference import build_reference

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
    return seedling_given().config.model_copy(update={"card": NOTES})


@pytest.fixture(scope="module")
def findings(config: ModelConfig) -> Findings:
    """What a run on real data has found out about the seedlings."""
    given = seedling_given()
    reference = build_reference(config, given.train, np.resize(given.answers, (len(given.train), 3)))
    return findings_of(given, gated(given), reference=reference, warnings=("leaves: 8% are missing.",))


def synthetic(findings: Findings) -> Findings:
    """Return the same findings on made-up rows."""
    changes = {"data": "synthetic", "data_source": "synthetic, seed 5"}
    return dataclasses.replace(findings, provenance=findings.provenance.model_copy(update=changes))


def test_questions_of_a_datasheet_are_answered(config: ModelConfig, findings: Findings) -> None:
    """Each has a section, in the order of the datasheets."""
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
    train = seedling_given().train
    assert f"| moisture |  | {train['moisture'].isna().mean():.1%} |" in card
    assert "| height | cm | 0 |" in card
    share = (train["fate"] == 1).mean()
    assert f"| fate (target) | class | 0 | alive {1 - share:.1%}, died {share:.1%} |" in card
    assert "| bed | category | 0 | loam " in card
    assert "900 rows, 5 features and the target `fate`." in card


def test_problems_are_those_of_people_and_of_the_study(config: ModelConfig, findings: Findings) -> None:
    """Who found what is told; where nobody found anything that is no all-clear."""
    card = render_data_card(config, findings)
    assert "- Rabbits are not counted." in card
    assert "- leaves: 8% are missing. (found by the study of the data)" in card
    bare = dataclasses.replace(findings, warnings=())
    assert "does not mean that there is none" in render_data_card(seedling_given().config, bare)


def test_made_up_rows_are_not_passed_off_as_real(config: ModelConfig, findings: Findings) -> None:
    """On synthetic data nothing is said of how the real data was collected."""
    card = render_data_card(config, synthetic(findings))
    assert card.split("\n\n")[1].startswith("> **SYNTHETIC DATA.")
    for text in ("Counted by hand", "Gardeners wanted", "Rabbits"):
        assert text not in card
    assert "No person and no place stands behind a row" in card
    assert "synthetic" not in render_data_card(config, findings).lower()


def test_unknown_licence_is_said(config: ModelConfig, findings: Findings) -> None:
    """A missing licence is a finding; a known one stands with the source and its checksum."""
    assert "Licence: not on record" in render_data_card(config, findings)
    source = {"url": "https://example.org/x.csv", "sha256": "a" * 64, "licence": "CC0", "citation": "A. Gardener"}
    known = ModelConfig.model_validate({**config.model_dump(), "source": source})
    card = render_data_card(known, findings)
    assert "- Licence: CC0" in card
    assert "not on record" not in card
    assert "- Public copy: https://example.org/x.csv, the very file" in card
    other = ModelConfig.model_validate({**config.model_dump(), "source": {**source, "sha256": "b" * 64}})
    assert "a file with another checksum" in render_data_card(other, findings)


def test_sensitive_columns_are_listed(config: ModelConfig, findings: Findings) -> None:
    """With whether the model is sent them."""
    assert "| label | no, dropped | It names the owner. |" in render_data_card(config, findings)
    assert "names no column" in render_data_card(seedling_given().config, findings)


def test_card_without_distributions_is_whole() -> None:
    """Without a reference the composition is told in a sentence, and a number's target in its table with one."""
    given = orchard_given()
    found = findings_of(given, gated(given))
    assert "7 features and the target `apples`. Apples of one year." in render_data_card(given.config, found)
    reference = build_reference(given.config, given.train, given.train["apples"])
    card = render_data_card(given.config, dataclasses.replace(found, reference=reference))
    assert "| apples (target) | kg | 0 |" in card
    assert "| pruned | boolean | 0 |" in card
