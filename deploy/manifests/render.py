"""The objects that an overlay or the chart yields, as Kubernetes receives them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.manifests.errors import ManifestError
from deploy.manifests.tools import ROOT, find_tool, run_tool

OVERLAYS = ROOT / "deploy" / "kubernetes" / "overlays"
CHART = ROOT / "deploy" / "helm" / "tabento"
VALUES = ROOT / "deploy" / "helm" / "values"
RELEASE = "tabento"
"""The release name with which the chart yields the names of the overlays."""

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Rendering:
    """The objects of one overlay, or of the chart with one file of values."""

    name: str
    """Such as ``overlays/production`` or ``helm/production``."""
    objects: tuple[Manifest, ...]

    @property
    def text(self) -> str:
        """The objects as one YAML stream."""
        return yaml.safe_dump_all(self.objects, sort_keys=False)


def identify(manifest: Manifest) -> str:
    """Return the kind and the name of an object, such as ``Deployment/tabento``."""
    metadata = manifest.get("metadata") or {}
    return f"{manifest.get('kind', '?')}/{metadata.get('name') or metadata.get('generateName', '?')}"


def parse_objects(text: str, source: str) -> tuple[Manifest, ...]:
    """Return the objects of a YAML stream; empty documents are omitted.

    Raises:
        ManifestError: the text is not YAML, or a document is not an object with apiVersion, kind and a name.
    """
    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise ManifestError(f"{source} is not valid YAML: {error}") from error
    for position, document in enumerate(documents):
        if not isinstance(document, dict) or "?" in identify(document) or "apiVersion" not in document:
            raise ManifestError(
                f"{source}, document {position}: expected an object with apiVersion, kind and metadata.name,"
                f" got {str(document)[:200]}. Correct the file that yields it."
            )
    return tuple(documents)


def overlay_names() -> list[str]:
    """Return the names of all overlays, in alphabetical order."""
    return sorted(path.parent.name for path in OVERLAYS.glob("*/kustomization.yaml"))


def values_names() -> list[str]:
    """Return the names of the files of values, in alphabetical order; each has the name of an overlay."""
    return sorted(path.stem for path in VALUES.glob("*.yaml"))


def render_folder(folder: Path) -> tuple[Manifest, ...]:
    """Return the objects of a folder with a kustomization.

    Raises:
        ManifestError: kubectl is missing or refuses the folder.
    """
    text = run_tool([find_tool("kubectl"), "kustomize", folder])
    return parse_objects(text, f"kubectl kustomize {folder}")


def render_overlay(name: str) -> Rendering:
    """Return the objects of an overlay.

    Raises:
        ManifestError: as ``render_folder``.
    """
    return Rendering(f"overlays/{name}", render_folder(OVERLAYS / name))


def render_chart(values: Path | None, namespace: str, *settings: str, release: str = RELEASE) -> Rendering:
    """Return the objects of the chart.

    Args:
        values: a file of values, or None for the chart's own.
        namespace: the namespace of the release.
        *settings: values such as ``replicas=3``, as after ``--set``.
        release: the name of the release.

    Raises:
        ManifestError: helm is missing, or refuses the chart or the values.
    """
    command: list[str | Path] = [find_tool("helm"), "template", release, CHART, "--namespace", namespace]
    command += [word for setting in settings for word in ("--set", setting)]
    if values is not None:
        command += ["--values", values]
    name = "helm/default" if values is None else f"helm/{values.stem}"
    return Rendering(name, parse_objects(run_tool(command), "helm template"))
