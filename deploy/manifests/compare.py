"""The comparison of two renderings, object by object: the chart must yield the objects of the overlay of the same name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from deploy.manifests.render import Manifest, Rendering, identify

OUTSIDE_OF_CHART = frozenset({"Namespace"})
"""Kinds that only an overlay has. Helm does not own the namespace of a release: `helm install --create-namespace` makes it."""


def _by_name(values: list[Any]) -> Any:
    """Return a list of named objects as a dictionary, since Kubernetes does not depend on their order; other lists as they are."""
    if values and all(isinstance(value, dict) and "name" in value for value in values):
        named = {value["name"]: value for value in values}
        if len(named) == len(values):
            return named
    return values


def _parse_json(key: str, value: Any) -> Any:
    """Return the content of a JSON file of a ConfigMap, since its blanks do not matter."""
    return json.loads(value) if key.endswith(".json") and isinstance(value, str) else value


def differences(left: Any, right: Any, path: str = "") -> Iterator[str]:
    """Yield a line for each difference of two values, with its path and both values."""
    if isinstance(left, list) and isinstance(right, list):
        left, right = _by_name(left), _by_name(right)
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted({*left, *right}, key=str):
            place = f"{path}.{key}" if path else str(key)
            if key not in left:
                yield f"{place}: missing on the left, {json.dumps(right[key])} on the right"
            elif key not in right:
                yield f"{place}: {json.dumps(left[key])} on the left, missing on the right"
            else:
                yield from differences(_parse_json(str(key), left[key]), _parse_json(str(key), right[key]), place)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (first, second) in enumerate(zip(left, right, strict=True)):
            yield from differences(first, second, f"{path}[{index}]")
    elif left != right or isinstance(left, bool) != isinstance(right, bool):
        yield f"{path}: {json.dumps(left)} on the left, {json.dumps(right)} on the right"


def _by_identity(rendering: Rendering) -> dict[str, Manifest]:
    return {identify(manifest): manifest for manifest in rendering.objects if manifest["kind"] not in OUTSIDE_OF_CHART}


def compare(left: Rendering, right: Rendering) -> list[str]:
    """Return a line for each difference of two renderings; none if they yield equal objects."""
    first, second = _by_identity(left), _by_identity(right)
    lines = [f"{name}: only in {left.name}" for name in sorted({*first} - {*second})]
    lines += [f"{name}: only in {right.name}" for name in sorted({*second} - {*first})]
    for name in sorted({*first} & {*second}):
        lines += [f"{name}: {line}" for line in differences(first[name], second[name])]
    return lines
