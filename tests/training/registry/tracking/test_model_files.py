"""The model as MLflow shows it."""

from __future__ import annotations

import json
from pathlib import Path

from mlflow.models import Model

from tabento.bundle.contract import Output
from tabento.bundle.format import MODEL_FILE
from tabento.bundle.manifest import BENTOML_FILE, verify_manifest
from tests.bundles import LABELS, TREE, classifier_contract, orchard_contract, write_bundle
from training.registry.tracking.model_files import output_columns, write_model


def test_signature_comes_from_the_contract(tmp_path: Path) -> None:
    """MLflow reads every column with its type and whether it must be there, and the example beside it."""
    bundle = write_bundle(tmp_path / "stored")
    (bundle / BENTOML_FILE).write_text("name: orchard", encoding="utf-8")
    (tmp_path / "model").mkdir()
    write_model(tmp_path / "model", bundle, orchard_contract(), [TREE], "0" * 32)
    model = Model.load(str(tmp_path / "model"))
    assert model.signature is not None
    inputs = {column.name: column for column in model.signature.inputs}
    types = {name: column.type.name for name, column in inputs.items()}
    assert types == {
        **{"age": "long", "crown width": "double", "height": "double", "slope": "double"},
        **{"pruned": "boolean", "sort": "string", "soil": "string"},
    }
    assert {name for name, column in inputs.items() if not column.required} == {"slope", "soil"}
    assert [column.name for column in model.signature.outputs] == ["apples"]
    assert model.flavors["tabento"]["bundle"] == "bundle"
    example = json.loads((tmp_path / "model" / "input_example.json").read_text(encoding="utf-8"))
    assert example["columns"] == list(TREE)
    assert example["data"] == [list(TREE.values())]


def test_bundle_goes_along_as_it_is(tmp_path: Path) -> None:
    """The copy verifies; what BentoML has put beside it stays behind."""
    bundle = write_bundle(tmp_path / "stored")
    (bundle / BENTOML_FILE).write_text("name: orchard", encoding="utf-8")
    (tmp_path / "model").mkdir()
    write_model(tmp_path / "model", bundle, orchard_contract(), [TREE], "0" * 32)
    copy = tmp_path / "model" / "bundle"
    assert verify_manifest(copy).name == "orchard"
    assert not (copy / BENTOML_FILE).exists()
    assert (copy / MODEL_FILE).read_bytes() == (bundle / MODEL_FILE).read_bytes()


def test_classification_answers_label_and_probabilities() -> None:
    """The label has the type of the classes, each class a probability; without probabilities the label stands alone."""
    columns = output_columns(classifier_contract())
    assert [column["type"] for column in columns] == ["string", "double", "double", "double"]
    assert columns[1]["name"] == f"probability of {LABELS[0]}"
    assert output_columns(classifier_contract((0, 1), probabilities=False)) == [
        {"type": "long", "name": "harvest", "required": True}
    ]
    assert output_columns(classifier_contract((False, True)))[0]["type"] == "boolean"
    assert output_columns(classifier_contract((0, 1.5)))[0]["type"] == "double"


def test_several_answers_have_a_column_each() -> None:
    """A number is a double, a label has the type of its own classes."""
    targets = ({"name": "late", "classes": [0, 1]}, {"name": "grade", "classes": ["a", "b"]})
    contract = classifier_contract().model_copy(
        update={"output": Output.model_validate({"name": "marks", "targets": targets})}
    )
    assert [(column["name"], column["type"]) for column in output_columns(contract)] == [
        ("late", "long"),
        ("grade", "string"),
    ]
    numbers = orchard_contract().model_copy(
        update={"output": Output.model_validate({"name": "yield", "targets": ({"name": "kg"}, {"name": "h"})})}
    )
    assert [column["type"] for column in output_columns(numbers)] == ["double", "double"]
