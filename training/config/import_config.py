"""The config of an import, read as a config of training: both describe the same answer and the same columns.

``tabento import`` writes the answer under ``output`` and the latency limit under ``p99_ms``; ``tabento train`` reads the
column to predict from ``target`` and the latency limit from ``slo``. All other keys of training have defaults.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from training.config.text import ConfigText
from training.config.types import ConfigError

_OF_TARGET = ("name", "unit", "description", "ranking", "classes")
"""The keys of ``output`` that ``target`` has under the same name."""


def as_training_text(text: ConfigText) -> ConfigText:
    """Return a config file's content with the keys of an import replaced by the keys of training.

    A file without ``output``, or with ``target``, is not the config of an import and stays as it is. The places of values
    remain their places in the file.

    Raises:
        ConfigError: the config lists several answers; training fits one.
    """
    data = text.data
    if not isinstance(data, dict) or "target" in data or not isinstance(data.get("output"), dict):
        return text
    output = data["output"]
    if output.get("targets") is not None:
        raise ConfigError(
            "the config has several answers under `output.targets`, and training fits one. Write a config for each of them,"
            " or fit the pipeline yourself and give it to `tabento import`."
        )
    content: dict[str, Any] = {key: value for key, value in data.items() if key not in ("output", "p99_ms")}
    content["target"] = {key: output[key] for key in _OF_TARGET if output.get(key) is not None}
    content.setdefault("task", "regression" if output.get("classes") is None else "classification")
    # Other keys of `output` stay, so that they are reported as unknown; training has no key for `probabilities`.
    remaining = {key: value for key, value in output.items() if key not in (*_OF_TARGET, "probabilities", "threshold")}
    content["target"].update(remaining)
    if "p99_ms" in data:
        content.setdefault("slo", {"p99_ms": data["p99_ms"]})
    if output.get("threshold") is not None:
        content.setdefault("decision", {"by": "fixed", "threshold": output["threshold"]})
    return replace(text, data=content)
