"""The files of a model in MLflow: an ``MLmodel`` file with the signature, and an input example next to the bundle.

The signature lists the columns of a request and of an answer, from the contract. The graph's own input is one packed tensor,
so MLflow's ONNX flavour would call it wrongly. The flavour is therefore ``tabento``, which MLflow lists and does not load.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabento.bundle.contract import Contract, FeatureType, Label, label_key
from tabento.bundle.manifest import BENTOML_FILE
from training.registry.tracking.connection import silence_mlflow

BUNDLE_FOLDER = "bundle"
"""The folder of the bundle in a logged model."""
EXAMPLE_FILE = "input_example.json"
MODEL_FILE = "MLmodel"
FLAVOUR = "tabento"

_TYPES: Mapping[FeatureType, str] = {
    "number": "double",
    "integer": "long",
    "boolean": "boolean",
    "category": "string",
    "timestamp": "string",
    "text": "string",
}
"""A timestamp is sent as text, so it is text in MLflow's signature as well."""


def write_model(
    folder: Path, bundle: Path, contract: Contract, examples: Sequence[Mapping[str, Any]], run_id: str
) -> None:
    """Write the files of a bundle for MLflow: ``bundle/…``, ``MLmodel`` and ``input_example.json``.

    Args:
        folder: the folder of the files, which must exist.
        bundle: the bundle's folder in the model store; BentoML's own file is not copied.
        contract: the bundle's contract.
        examples: valid rows as clients send them.
        run_id: the run that made the model.

    Raises:
        OSError: a file cannot be read or written.
    """
    shutil.copytree(bundle, folder / BUNDLE_FOLDER, ignore=shutil.ignore_patterns(BENTOML_FILE))
    columns = list(contract.feature_names)
    example = {"columns": columns, "data": [[row.get(name) for name in columns] for row in examples]}
    (folder / EXAMPLE_FILE).write_text(json.dumps(example, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / MODEL_FILE).write_text(_model_yaml(contract, run_id), encoding="utf-8")


def input_columns(contract: Contract) -> list[dict[str, Any]]:
    """Return the columns that a client sends, as MLflow writes them: name, type, whether it is required."""
    return [
        {"type": _TYPES[feature.type], "name": feature.name, "required": feature.required and not feature.nullable}
        for feature in contract.features
    ]


def output_columns(contract: Contract) -> list[dict[str, Any]]:
    """Return the columns of an answer: a number, the label and a probability for each class, or each target."""
    output = contract.output
    if output.targets is not None:
        return [
            {
                "type": "double" if target.classes is None else _label_type(target.classes),
                "name": target.name,
                "required": True,
            }
            for target in output.targets
        ]
    if output.classes is None:
        return [{"type": "double", "name": output.name, "required": True}]
    columns = [{"type": _label_type(output.classes), "name": output.name, "required": True}]
    if output.probabilities:
        columns += [
            {"type": "double", "name": f"probability of {label_key(label)}", "required": True}
            for label in output.classes
        ]
    return columns


def _label_type(classes: Sequence[Label]) -> str:
    kinds = {type(label) for label in classes}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "long"
    return "double" if kinds <= {int, float} else "string"


def _model_yaml(contract: Contract, run_id: str) -> str:
    with silence_mlflow():
        from mlflow.models import Model, ModelSignature
        from mlflow.types import ColSpec, Schema

        inputs, outputs = (
            Schema([ColSpec(column["type"], column["name"], required=column["required"]) for column in columns])
            for columns in (input_columns(contract), output_columns(contract))
        )
        model = Model(
            run_id=run_id,
            signature=ModelSignature(inputs, outputs),
            saved_input_example_info={"artifact_path": EXAMPLE_FILE, "type": "dataframe", "pandas_orient": "split"},
        )
        model.add_flavor(FLAVOUR, bundle=BUNDLE_FOLDER, format_version=contract.format_version)
        return str(model.to_yaml())
