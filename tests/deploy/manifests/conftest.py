"""The manifests of the repository without kubectl: the files of the base and of the components, as one list of objects."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from deploy.manifests.render import Manifest
from deploy.manifests.rules.objects import find_pods
from deploy.manifests.tools import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
NAMESPACE = "orchard"
NOT_OBJECTS = ("kustomization.yaml", "namespace.yaml", "scaledobject.yaml")


def read_objects(*folders: str) -> list[Manifest]:
    """Return the objects of folders below deploy/kubernetes, as an overlay would complete them: namespace, labels and image tags."""
    paths = [path for folder in folders for path in sorted((FOLDER / folder).glob("*.yaml"))]
    objects: list[Manifest] = []
    for path in paths:
        if path.name not in NOT_OBJECTS:
            objects += [item for item in yaml.safe_load_all(path.read_text(encoding="utf-8")) if item]
    if "base" in folders:
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tabento-rollout"}, "data": {}})
    for manifest in objects:
        manifest["metadata"]["namespace"] = NAMESPACE
        manifest["metadata"].setdefault("labels", {})["app.kubernetes.io/name"] = "tabento"
    for pod in find_pods(objects):
        for container in pod.spec["containers"]:
            container["image"] += ":1.0.0"
    return objects


@pytest.fixture(scope="session")
def _all_objects() -> list[Manifest]:
    objects = read_objects(
        "base",
        "components/hpa",
        "components/ingress",
        "components/networkpolicy",
        "components/servicemonitor",
        "components/retraining",
    )
    next(item for item in objects if item["kind"] == "Deployment")["spec"].pop("replicas")
    return objects


@pytest.fixture
def objects(_all_objects: list[Manifest]) -> list[Manifest]:
    """A copy of the objects of production, which a test may change."""
    return deepcopy(_all_objects)


@pytest.fixture
def find(objects: list[Manifest]) -> Callable[[str], Manifest]:
    """Return the object of a kind whose name is ``tabento``, or the only one of its kind."""

    def object_of_kind(kind: str) -> Manifest:
        matches = [item for item in objects if item["kind"] == kind]
        return next((item for item in matches if item["metadata"]["name"] == "tabento"), matches[0])

    return object_of_kind


@pytest.fixture
def executable(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a shell script with a name into a folder, and return its path."""

    def write(name: str, script: str) -> Path:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return write
