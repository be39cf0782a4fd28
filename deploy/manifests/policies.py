"""Validation by the programs of the environment of ``make manifests``: schemas of Kubernetes versions, and checkov's policies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.manifests.errors import ManifestError
from deploy.manifests.render import Rendering
from deploy.manifests.tools import ENVIRONMENT, run_tool

VERSIONS = ("1.33", "1.35", "1.37")
"""The Kubernetes versions whose schemas the objects must pass."""

SKIPPED_POLICIES = {
    "CKV_K8S_15": "pull policy Always: a tag of a release is never moved, and a node must start pods without the registry",
    "CKV_K8S_40": "user id above 10000: the image's user is BentoML's, 1034; it has no files on the node",
    "CKV_K8S_43": "digest instead of tag: the release sets it, see docs/kubernetes.md; the repository does not know it",
}
"""checkov's policies that do not apply, each with the reason."""

_SCRIPT = Path(__file__).parent / "check_schemas.py"


@dataclass(frozen=True)
class PolicyResult:
    """The result of one program."""

    checked: int
    """The number of comparisons."""
    faults: tuple[str, ...]


def _program(name: str) -> Path:
    path = ENVIRONMENT / "bin" / name
    if not path.exists():
        raise ManifestError(f"{path} does not exist. `make manifests` installs it.")
    return path


def write_renderings(renderings: Sequence[Rendering], folder: Path) -> list[Path]:
    """Write each rendering into a file of a folder and return the paths."""
    paths = [folder / f"{rendering.name.replace('/', '-')}.yaml" for rendering in renderings]
    for path, rendering in zip(paths, renderings, strict=True):
        path.write_text(rendering.text, encoding="utf-8")
    return paths


def check_schemas(paths: Sequence[Path], versions: Sequence[str] = VERSIONS) -> PolicyResult:
    """Validate files by the schemas of each version, without unknown fields.

    Raises:
        ManifestError: the environment is missing, or the check itself failed.
    """
    result = json.loads(run_tool([_program("python"), _SCRIPT, ",".join(versions), *paths]))
    return PolicyResult(result["checked"], tuple(result["faults"]))


def check_policies(folder: Path) -> PolicyResult:
    """Run checkov's policies for Kubernetes over the files of a folder.

    Raises:
        ManifestError: the environment is missing, or checkov failed.
    """
    command: list[str | Path] = [
        _program("checkov"),
        "--directory",
        folder,
        "--framework",
        "kubernetes",
        "--output",
        "json",
        "--compact",
    ]
    command += ["--quiet", "--skip-check", ",".join(SKIPPED_POLICIES)]
    # Without this variable checkov asks its vendor for texts on each policy.
    result = json.loads(run_tool(command, {"BC_SKIP_MAPPING": "TRUE", "LOG_LEVEL": "ERROR"}, accepted=(0, 1)))
    if "summary" not in result:
        raise ManifestError(f"checkov checked nothing in {folder}: {str(result)[:300]}")
    failed = result["results"]["failed_checks"]
    faults = [
        f"{Path(item['file_path']).stem}: {item['resource']}: {item['check_id']} {item['check_name']}"
        for item in failed
    ]
    return PolicyResult(result["summary"]["passed"] + len(failed), tuple(faults))
