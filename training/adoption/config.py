"""The import's config: what was inferred, written down for a person to correct, and read back before anything is made.

A file that is there is never written over. What stands in it wins over what would be inferred, as long as it fits the
pipeline.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from bundle.contract import Contract, Feature, Output, OutputTarget, Strict
from training.adoption.errors import AdoptionError
from training.config import ConfigError, Gate, explain, load_as

P99_MS = 10.0
"""The promise where nothing else is said."""
SINGLE_ROW_SHARE = 0.3
"""The share of the promise that one row's time in ONNX Runtime may take by default: the rest is for waiting and HTTP."""
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
    """The latency promise: 99% of answers leave within this many milliseconds."""
    output: Output
    """The answer; ``classes`` must be those of the pipeline."""
    features: Annotated[tuple[Feature, ...], Field(min_length=1)]
    """The columns that a client sends: those that the pipeline takes."""
    gate: Gate = Gate()
    """The limits that the model has to keep before it is saved."""

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
    """Return the limits that an import gets if nobody sets others."""
    return Gate(
        parity_relative_max=PARITY_RELATIVE_MAX,
        single_row_p99_us_max=SINGLE_ROW_SHARE * p99_ms * 1000,
        model_mib_max=MODEL_MIB_MAX,
    )


def made_config(**given: Any) -> ImportConfig:
    """Make a config.

    Raises:
        ConfigError: a value is impossible; each is named by its key.
    """
    try:
        return ImportConfig.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"the import cannot be configured so:\n{explain(error)}") from error


def load_import_config(path: Path) -> ImportConfig:
    """Read a config.

    Raises:
        ConfigError: with every fault of the file: the key, the value and what is allowed.
    """
    return load_as(path, ImportConfig, "is not a valid config of an import")


def fitted_to(config: ImportConfig, names: Sequence[str], output: Output, path: Path) -> ImportConfig:
    """Compare an edited config with the pipeline and return it with the features in the pipeline's order.

    Args:
        config: as read.
        names: the columns that the service has to ask for, in the pipeline's order.
        output: what the pipeline answers.
        path: the config's file, for messages.

    Raises:
        AdoptionError: features are missing or unknown, or the classes are others than the pipeline's.
    """
    features = {feature.name: feature for feature in config.features}
    lines = [f"  features: {name!r} is missing; the pipeline takes it" for name in names if name not in features]
    lines += [f"  features: {name!r} is no column that the pipeline takes" for name in features if name not in names]
    lines += _unlike_targets(config.output, output)
    if _typed(config.output.classes) != _typed(output.classes):
        expected = "none, for it answers a number" if output.classes is None else list(output.classes)
        got = "none" if config.output.classes is None else list(config.output.classes)
        lines.append(f"  output.classes: the pipeline has {expected}; got {got}")
    if config.output.probabilities and not output.probabilities:
        lines.append("  output.probabilities: the pipeline gives none; set it to false")
    if lines:
        raise AdoptionError(
            f"{path} does not fit the pipeline:\n" + "\n".join(lines) + "\nCorrect it, or remove the file to have it"
            " written anew."
        )
    return config.model_copy(update={"features": tuple(features[name] for name in names)})


def _unlike_targets(mine: Output, own: Output) -> list[str]:
    """Say in which way the targets of a config are not those of the pipeline; their names are free."""
    if mine.targets is None and own.targets is None:
        return []
    got, expected = mine.targets or (), own.targets or ()
    if len(got) != len(expected):
        return [f"  output.targets: the pipeline gives {len(expected) or 1} answers a row; got {len(got) or 1}"]
    return [
        f"  output.targets: {ours.name!r}: the pipeline has the classes"
        f" {'none, for it is a number' if theirs.classes is None else list(theirs.classes)}; got"
        f" {'none' if ours.classes is None else list(ours.classes)}"
        for ours, theirs in zip(got, expected, strict=True)
        if _typed(ours.classes) != _typed(theirs.classes)
    ]


def write_config(path: Path, config: ImportConfig, remarks: Mapping[str, str], source: str) -> None:
    """Write a config with comments for the person who edits it.

    Args:
        path: where; nothing may be there.
        config: what is written.
        remarks: by feature, what the sample shows of it.
        source: of what it is the config, in words.

    Raises:
        AdoptionError: the file is there already or cannot be written.
    """
    text = rendered(config, remarks, source)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise AdoptionError(
            f"the config {path} cannot be written: {error.strerror}. Choose another --config."
        ) from error


def rendered(config: ImportConfig, remarks: Mapping[str, str], source: str) -> str:
    """Return a config as commented YAML; reading it gives the config back."""
    head = {key: getattr(config, key) for key in ("name", "title", "description", "p99_ms")}
    parts = [
        _comment(
            f"How Tabento serves {source}. Edit this and give the same command again: what stands here wins over what"
            " would be inferred, and the file is never written over. A key that does not exist and a value that does"
            " not fit the pipeline are refused by name. docs/import.md explains each."
        ),
        _comment(
            "name: lower-case letters, digits, underscores. title, description: for people. p99_ms: the promise, 99%"
            " of answers leave within so many milliseconds."
        )
        + _yaml(head),
        _comment("What is answered. `unit` and `description` are for people.")
        + _yaml({"output": _given(config.output)}),
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
    lines = _yaml([_given(feature)]).splitlines()
    comment = _comment(remark, indent="  ").rstrip("\n")
    return "\n".join([*([comment] if remark else []), *(f"  {line}" for line in lines)]) + "\n"


def _given(model: Strict) -> dict[str, Any]:
    """Return what differs from the defaults, and what people most likely edit."""
    data = model.model_dump(mode="json", exclude_defaults=True)
    if isinstance(model, Feature):
        data = {"name": model.name, "type": model.type, "nullable": model.nullable, **data}
    if isinstance(model, Output):
        single = model.classes is None and model.targets is None
        data = {"name": model.name, **({"unit": model.unit} if single else {}), **data}
        data["description"] = model.description
        if model.targets is not None:
            data["targets"] = [_given(target) for target in model.targets]
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


def _typed(classes: Sequence[Any] | None) -> list[tuple[type, Any]] | None:
    """Return labels with their types: 1, 1.0 and true are equal in Python, and other answers in JSON."""
    return None if classes is None else [(type(label), label) for label in classes]
