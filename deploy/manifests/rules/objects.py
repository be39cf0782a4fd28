"""Access to the parts of manifests that several rules read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.manifests.render import Manifest, identify

_UNITS = {
    "": 1,
    "m": 0.001,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}


def parse_quantity(text: str | float) -> float:
    """Return the number of a Kubernetes quantity such as ``512Mi``, ``500m`` or ``2``.

    Raises:
        ValueError: the text is not a quantity.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(|m|k|M|G|T|Ki|Mi|Gi|Ti)", str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a quantity; expected a number with a unit such as 512Mi, 500m or 2.")
    return float(match[1]) * _UNITS[match[2]]


@dataclass(frozen=True)
class Pod:
    """The pod that an object makes."""

    owner: str
    """The object's kind and name."""
    kind: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """All containers, also the ones that run before the others."""
        return [*self.spec.get("initContainers", []), *self.spec.get("containers", [])]

    @property
    def is_service(self) -> bool:
        """Whether the pod serves HTTP."""
        return self.labels.get("app.kubernetes.io/component") == "service" and self.kind in ("Deployment", "Service")


def find_pods(objects: Sequence[Manifest]) -> Iterator[Pod]:
    """Yield the pod of each Deployment, Job, CronJob and Knative service."""
    for manifest in objects:
        kind, spec = manifest["kind"], manifest.get("spec") or {}
        if kind == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        template = spec.get("template")
        if template is not None and "spec" in template:
            labels = (template.get("metadata") or {}).get("labels") or {}
            yield Pod(identify(manifest), kind, labels, template["spec"])


def of_kind(objects: Sequence[Manifest], *kinds: str) -> Iterator[Manifest]:
    """Yield the objects of some kinds; a Knative service is not a ``Service`` here."""
    for manifest in objects:
        if manifest["kind"] in kinds and not manifest["apiVersion"].startswith("serving.knative.dev/"):
            yield manifest


def is_selected(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a label selector selects labels. An empty selector selects everything.

    Raises:
        ValueError: the selector has matchExpressions, which these manifests do not use.
    """
    if selector.get("matchExpressions"):
        raise ValueError("matchExpressions are not read by the rules; write matchLabels.")
    return all(labels.get(name) == value for name, value in (selector.get("matchLabels") or {}).items())


def environment_of(container: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of a container that have a value in the manifest."""
    return {entry["name"]: str(entry["value"]) for entry in container.get("env", []) if "value" in entry}
