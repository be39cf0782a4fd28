"""Provenance: the fingerprint by which a trained model is found again, and the record of where it comes from."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

import bundle
import training
from bundle.contract import Strict
from bundle.manifest import Provenance
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
"""The libraries whose version can change the model or what is stored with it."""
WHERE_INSTALLED = (
    "catboost",
    "category-encoders",
    "feature-engine",
    "imbalanced-learn",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
)
"""Such libraries that training can do without."""
_GIT_TIMEOUT_S = 10


class Origin(Strict):
    """Where rows came from, without the rows."""

    kind: Literal["real", "synthetic"]
    source: str
    """A file's name without its folder, an address, or the generator and its seed."""
    sha256: str
    """The checksum of the CSV file, or of the generated rows as CSV."""
    rows: int
    """How many rows it has."""


def origin_of(dataset: Dataset) -> Origin:
    """Return where a data set came from."""
    return Origin(kind=dataset.kind, source=dataset.source, sha256=dataset.sha256, rows=len(dataset.frame))


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that make the model, by name."""
    found = {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
    for name in WHERE_INSTALLED:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def code_sha256(folders: Iterable[Path]) -> str:
    """Return a checksum over the names and contents of all Python files in some packages, wherever they are installed.

    Args:
        folders: The folders of the packages.
    """
    digest = hashlib.sha256()
    for folder in sorted(folders, key=lambda folder: folder.name):
        for path in sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).as_posix()):
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def fingerprint(config: BaseModel, dataset: Dataset | Origin | DataIdentity, decisions: Decisions | None = None) -> str:
    """Return a checksum over all that decides a model: config, decisions, data, code, library versions, architecture.

    Runs with the same fingerprint give the same model, so that the stored one need not be made again.

    Args:
        config: A model's config; or what stands for one where nothing is trained.
        dataset: The rows, where they came from, or what identifies them.
        decisions: What the studies decided; None where there are none.
    """
    content = {
        "config": config.model_dump(mode="json"),
        "decisions": None if decisions is None else decisions.model_dump(mode="json"),
        # Made-up rows follow from config, code and versions: they need not be made to be known.
        "data": {"kind": dataset.kind, "sha256": dataset.sha256 if dataset.kind == "real" else None},
        "code": code_sha256([_folder(training), _folder(bundle)]),
        "versions": library_versions(),
        # Rounding differs between the vector units of architectures.
        "machine": platform.machine(),
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def git_commit(folder: Path) -> str | None:
    """Return the commit checked out in a folder, with ``+`` behind it where files differ from it.

    None where git is not installed, or where the folder is not the top of a checkout: an installed package may lie
    inside somebody else's.
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
    """Return where a model comes from, for its bundle's manifest.

    Args:
        config_fingerprint: See ``fingerprint``.
        dataset: What it was trained on, or where that came from.
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
    """Return what a git command prints, or None where it fails, hangs or is not installed."""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command without a shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - git is where the user's PATH has it
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
