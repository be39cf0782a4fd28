"""What is saved is what the service starts with: its own check is the last step before a bundle is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bentoml
import pytest

from tabento.bundle.format import BENTOML_MODULE, CARD_FILE
from tabento.errors import SaveError
from tests.bundles import NO_CLASS, NOT_A_NUMBER, TREE, classifier_contract, write_bundle
from training.stages.startup_check import require_startup


def store_bundle(name: str = "orchard", **options: Any) -> str:
    """Store a bundle, whatever it holds."""
    with bentoml.models.create(name, module=BENTOML_MODULE) as model:
        write_bundle(Path(model.path), **options)
    return str(model.tag)


def test_bundle_with_which_the_service_starts_passes(model_store: Path) -> None:
    """Of a regression and of a classification, whatever TABENTO_ variables say."""
    require_startup(store_bundle())


def test_settings_of_the_shell_are_no_fault_of_the_model(model_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that would end the service's start says nothing about the model."""
    monkeypatch.setenv("TABENTO_MAX_ROWS", "none")
    monkeypatch.setenv("TABENTO_NOTHING", "1")
    require_startup(store_bundle())


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        ({**TREE, "age": -1e9}, "example does not fit the contract"),
        ({**TREE, "pruned": "perhaps"}, "pruned"),
        ({**TREE, "age": "old"}, "age"),
    ],
)
def test_example_outside_the_contract_is_refused(example: dict[str, Any], reason: str, model_store: Path) -> None:
    """With the service's own words."""
    with pytest.raises(SaveError, match=f"the service would not start[\\s\\S]*{reason}"):
        require_startup(store_bundle(examples=[example]))


@pytest.mark.parametrize(
    ("slope", "reason"), [(NOT_A_NUMBER, "answered nan as a probability"), (NO_CLASS, "there are 0 to 2")]
)
def test_answer_that_is_none_is_refused(slope: float, reason: str, model_store: Path) -> None:
    """A probability that is not a number, and an index without a class."""
    contract = classifier_contract()
    with pytest.raises(SaveError, match=reason):
        require_startup(store_bundle(contract.name, contract=contract, examples=[{**TREE, "slope": slope}]))


def test_seal_is_checked(model_store: Path) -> None:
    """A file that was changed after it was sealed, and a bundle that is not there."""
    tag = store_bundle()
    path = Path(bentoml.models.get(tag).path) / CARD_FILE
    path.chmod(0o644)
    path.write_text("another", encoding="utf-8")
    with pytest.raises(SaveError, match=CARD_FILE):
        require_startup(tag)
    with pytest.raises(SaveError, match="has no bundle"):
        require_startup("orchard:none")
