"""Provenance: the fingerprint by which a trained model is found again, and the record of its origin."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

import tabento
import training
from tabento.bundle.checksums import code_sha256
from tabento.bundle.contract import Strict
from tabento.bundle.json_text import canonical_json
from tabento.bundle.manifest import Provenance
from training.config.decisions import Decisions
from training.data.identity import DataIdentity

if TYPE_CHECKING:
    from training.data.loader import Dataset

LIBRARIES = (
    "bentoml",
    "numpy",
    "onnx",
    "onnxruntime",
    "pandas",
    "protobuf",
    "scikit-learn",
    "scipy",
    "skl2onnx",
)
"""The libraries whose version can change the model or the stored files."""
OPTIONAL_LIBRARIES = (
    "catboost",
    "category-encoders",
    "feature-engine",
    "imbalanced-learn",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
)
"""Optional libraries whose version can change the model."""
_GIT_TIMEOUT_S = 10


class Origin(Strict):
    """The origin of rows, without the rows."""

    kind: Literal["real", "synthetic"]
    source: str
    """A file's name without its folder, an address, or the generator and its seed."""
    sha256: str
    """The checksum of the CSV file, or of the generated rows as CSV."""
    rows: int
    """The number of rows."""


def origin_of(dataset: Dataset) -> Origin:
    """Return the origin of a data set."""
    return Origin(kind=dataset.kind, source=dataset.source, sha256=dataset.sha256, rows=len(dataset.frame))


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that make the model, by name."""
    versions = {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
    for name in OPTIONAL_LIBRARIES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def fingerprint(config: BaseModel, dataset: Dataset | Origin | DataIdentity, decisions: Decisions | None = None) -> str:
    """Return a checksum of everything that determines a model: config, decisions, data, code, library versions, architecture.

    Runs with the same fingerprint give the same model, so that a stored model is not trained again.

    Args:
        config: A model's config, or its substitute if nothing is trained.
        dataset: The rows, their origin, or their identity.
        decisions: The decisions of the studies; None without studies.
    """
    content = {
        "config": config.model_dump(mode="json"),
        "decisions": None if decisions is None else decisions.model_dump(mode="json"),
        # Synthetic rows are determined by config, code and versions, so their checksum is not needed.
        "data": {"kind": dataset.kind, "sha256": dataset.sha256 if dataset.kind == "real" else None},
        "code": [code_sha256(folder.parent, [folder.name], "*.py") for folder in (_folder(training), _folder(tabento))],
        "versions": library_versions(),
        # Rounding differs between the vector units of architectures.
        "machine": platform.machine(),
    }
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def git_commit(folder: Path) -> str | None:
    """Return the commit checked out in a folder, with ``+`` after it if files differ from it.

    None if git is not installed, or if the folder is not the top of a checkout: an installed package can be inside
    another checkout.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != folder.resolve():
        return None
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain")
    if commit is None or changes is None:
        return None
    return commit + ("+" if changes else "")


def record(config_fingerprint: str, dataset: Dataset | Origin, pipeline_tag: str) -> Provenance:
    """Return the provenance of a model, for its bundle's manifest.

    Args:
        config_fingerprint: See ``fingerprint``.
        dataset: The training data or its origin.
        pipeline_tag: The tag under which the fitted pipeline is stored.
    """
    origin = dataset if isinstance(dataset, Origin) else origin_of(dataset)
    return Provenance(
        data=origin.kind,
        data_source=origin.source,
        data_sha256=origin.sha256,
        rows=origin.rows,
        fingerprint=config_fingerprint,
        git_commit=git_commit(_folder(training).parent),
        pipeline_tag=pipeline_tag,
        trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=library_versions(),
    )


def _folder(package: Any) -> Path:
    return Path(package.__file__).parent


def _git(folder: Path, *arguments: str) -> str | None:
    """Return the output of a git command, or None if git fails, does not end or is not installed."""
    try:
        process = subprocess.run(  # noqa: S603 - a fixed command without a shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - git is where the user's PATH has it
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()
