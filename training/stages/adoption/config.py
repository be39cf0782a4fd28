"""The config of an import: the inferred contract in a file that the user can edit and that the next import reads.

The import never overwrites an existing file. Its values replace the inferred values, if they fit the pipeline.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from tabento.adopt.errors import AdoptionError
from tabento.bundle.contract import Contract, Feature, Output, OutputTarget, Strict
from training.config import ConfigError, Gate, explain, load_as

P99_MS = 10.0
"""The default latency limit in milliseconds."""
SINGLE_ROW_SHARE = 0.3
"""The default share of the latency limit for one row in ONNX Runtime; the remaining time is for waiting and HTTP."""
PARITY_RELATIVE_MAX = 1e-9
"""How far graph and pipeline may differ by default: sums in another order stay far below, another branch does not."""
MODEL_MIB_MAX = 512.0
"""The largest graph by default: an adopted forest may be large, and its owner knows."""


class ImportConfig(Strict):
    """The content of the file that ``--config`` names."""

    name: str
    """The model's name: the bundle's in the model store, and in every answer."""
    title: str
    """The model's name for people."""
    description: str
    """What the model is for, in a sentence or two."""
    p99_ms: Annotated[float, Field(gt=0)] = P99_MS
    """The latency limit in milliseconds for 99% of the answers."""
    output: Output
    """The answer; ``classes`` must be the pipeline's classes."""
    features: Annotated[tuple[Feature, ...], Field(min_length=1)]
    """The columns that a client sends: those that the pipeline takes."""
    gate: Gate = Gate()
    """The limits that the model has to keep before it is saved."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_intervals(cls, data: Any) -> Any:
        """Refuse intervals and sets: an import knows no rows that the pipeline has not seen, and cannot fit it again."""
        output = data.get("output") if isinstance(data, dict) else None
        keys = [key for key in ("intervals", "sets") if isinstance(data, dict) and data.get(key) is not None]
        keys += [
            f"output.{key}"
            for key in ("interval", "prediction_set")
            if isinstance(output, dict) and output.get(key) is not None
        ]
        if keys:
            raise ValueError(
                f"{keys[0]}: an imported pipeline has no prediction intervals or sets, because their calibration fits the"
                " pipeline again on parts of its training rows. Remove the key, or train the model with `tabento train`"
            )
        return data

    @model_validator(mode="after")
    def _is_a_contract(self) -> Self:
        self.contract()
        return self

    def contract(self) -> Contract:
        """Return what clients and servers have to know of this config."""
        return Contract(
            name=self.name,
            title=self.title,
            description=self.description,
            task="classification" if self.output.label_sets else "regression",
            features=self.features,
            output=self.output,
            p99_ms=self.p99_ms,
        )


def default_gate(p99_ms: float) -> Gate:
    """Return the default limits of an import."""
    return Gate(
        parity_relative_max=PARITY_RELATIVE_MAX,
        single_row_p99_us_max=SINGLE_ROW_SHARE * p99_ms * 1000,
        model_mib_max=MODEL_MIB_MAX,
    )


def build_config(**values: Any) -> ImportConfig:
    """Make a config.

    Raises:
        ConfigError: a value is impossible; each is named by its key.
    """
    try:
        return ImportConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"the import cannot be configured so:\n{explain(error)}") from error


def load_import_config(path: Path) -> ImportConfig:
    """Read a config.

    Raises:
        ConfigError: with every error of the file: the key, the value and the allowed values.
    """
    return load_as(path, ImportConfig, "is not a valid config of an import")


def fitted_to(config: ImportConfig, names: Sequence[str], output: Output, path: Path) -> ImportConfig:
    """Compare an edited config with the pipeline and return it with the features in the pipeline's order.

    Args:
        config: the config as read.
        names: the columns that requests must have, in the pipeline's order.
        output: the output of the pipeline.
        path: the config's file, for messages.

    Raises:
        AdoptionError: features are missing or unknown, or the classes are not the pipeline's classes.
    """
    features = {feature.name: feature for feature in config.features}
    lines = [f"  features: {name!r} is missing; the pipeline takes it" for name in names if name not in features]
    lines += [f"  features: {name!r} is not a column that the pipeline takes" for name in features if name not in names]
    lines += _unlike_targets(config.output, output)
    if _with_types(config.output.classes) != _with_types(output.classes):
        expected = "none, for it answers a number" if output.classes is None else list(output.classes)
        got = "none" if config.output.classes is None else list(config.output.classes)
        lines.append(f"  output.classes: the pipeline has {expected}; got {got}")
    if config.output.probabilities and not output.probabilities:
        lines.append("  output.probabilities: the pipeline gives none; set it to false")
    if lines:
        raise AdoptionError(
            f"{path} does not fit the pipeline:\n" + "\n".join(lines) + "\nCorrect it, or remove the file to have it"
            " written again."
        )
    return config.model_copy(update={"features": tuple(features[name] for name in names)})


def _unlike_targets(edited: Output, output: Output) -> list[str]:
    """Return the differences of a config's targets from the pipeline's answers; their names are free."""
    if edited.targets is None and output.targets is None:
        return []
    actual_targets, expected_targets = edited.targets or (), output.targets or ()
    if len(actual_targets) != len(expected_targets):
        return [
            f"  output.targets: the pipeline gives {len(expected_targets) or 1} answers a row; got {len(actual_targets) or 1}"
        ]
    return [
        f"  output.targets: {actual.name!r}: the pipeline has the classes"
        f" {'none, for it is a number' if expected.classes is None else list(expected.classes)}; got"
        f" {'none' if actual.classes is None else list(actual.classes)}"
        for actual, expected in zip(actual_targets, expected_targets, strict=True)
        if _with_types(actual.classes) != _with_types(expected.classes)
    ]


def write_config(path: Path, config: ImportConfig, remarks: Mapping[str, str], source: str) -> None:
    """Write a config with comments for the user who edits it.

    Args:
        path: the new file; it must not exist.
        config: the content.
        remarks: by feature, a summary of its values in the sample.
        source: a description of the pipeline and the sample.

    Raises:
        AdoptionError: the file exists or cannot be written.
    """
    text = render_config(config, remarks, source)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise AdoptionError(
            f"the config {path} cannot be written: {error.strerror}. Choose another --config."
        ) from error


def render_config(config: ImportConfig, remarks: Mapping[str, str], source: str) -> str:
    """Return a config as commented YAML; reading it gives the config back."""
    head = {key: getattr(config, key) for key in ("name", "title", "description", "p99_ms")}
    parts = [
        _comment(
            f"How Tabento serves {source}. Edit this and give the same command again: the values in this file replace the"
            " inferred values, and the file is never overwritten. A key that does not exist and a value that does"
            " not fit the pipeline are errors that name the key. docs/import.md explains each."
        ),
        _comment(
            "name: lower-case letters, digits, underscores. title, description: for people. p99_ms: the limit in"
            " milliseconds within which 99% of the answers are sent."
        )
        + _yaml(head),
        _comment("What is answered. `unit` and `description` are for people.")
        + _yaml({"output": _edited_keys(config.output)}),
        _comment(
            "What a client sends. type: number, integer (no fraction), boolean, category or text. minimum and maximum: values"
            " outside are refused. nullable: whether null is taken. categories: the known values; unknown: refuse or"
            " ignore any other. required: false lets a nullable field be left out. unit and description are for people."
        )
        + "features:\n"
        + "".join(_feature(feature, remarks.get(feature.name, "")) for feature in config.features),
        _comment(
            "The limits that the model keeps, or it is not saved: how far graph and pipeline may differ (relative), how"
            " long one row takes in ONNX Runtime (microseconds, 99% quantile), how large the graph is (MiB)."
        )
        + _yaml({"gate": config.gate.model_dump(exclude_unset=True)}),
    ]
    return "\n".join(parts)


def _feature(feature: Feature, remark: str) -> str:
    lines = _yaml([_edited_keys(feature)]).splitlines()
    comment = _comment(remark, indent="  ").rstrip("\n")
    return "\n".join([*([comment] if remark else []), *(f"  {line}" for line in lines)]) + "\n"


def _edited_keys(model: Strict) -> dict[str, Any]:
    """Return the values that differ from the defaults, and the keys that users edit most often."""
    data = model.model_dump(mode="json", exclude_defaults=True)
    if isinstance(model, Feature):
        data = {"name": model.name, "type": model.type, "nullable": model.nullable, **data}
    if isinstance(model, Output):
        is_single_number = model.classes is None and model.targets is None
        data = {"name": model.name, **({"unit": model.unit} if is_single_number else {}), **data}
        data["description"] = model.description
        if model.targets is not None:
            data["targets"] = [_edited_keys(target) for target in model.targets]
    if isinstance(model, OutputTarget):
        data = {"name": model.name, **({"unit": model.unit} if model.classes is None else {}), **data}
        data["description"] = model.description
    return data


def _yaml(data: Any) -> str:
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False)
    return text


def _comment(text: str, indent: str = "") -> str:
    lines = textwrap.wrap(" ".join(text.split()), 110 - len(indent), break_long_words=False, break_on_hyphens=False)
    return "".join(f"{indent}# {line}\n" for line in lines)


def _with_types(classes: Sequence[Any] | None) -> list[tuple[type, Any]] | None:
    """Return labels with their types: 1, 1.0 and true are equal in Python, and different values in JSON."""
    return None if classes is None else [(type(label), label) for label in classes]
