"""A fetched bundle as an entry of BentoML's model store: its ``model.yaml``, and its move into the store in one step.

BentoML's file is written without BentoML: its import would take the event loop's time for most of a second while the service answers. A test
compares the file with BentoML's own.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from rollout.cascade.disk import storing
from rollout.cascade.local_store import split_tag, version_folder
from tabento.bundle.format import BENTOML_MODULE, IMPORTANCES_FILE
from tabento.bundle.manifest import BENTOML_FILE
from tabento.bundle.store import LATEST_FILE, Bundle

logger = logging.getLogger("tabento.rollout.cascade")


def install(bundle: Bundle, tag: str) -> Path:
    """Move a verified bundle into the model store, and return its folder.

    BentoML's own file is written from the verified files, because a source's copy of it is not sealed. The time of the entry is
    the time of the training, so an older version that is fetched later does not become the latest one.

    Args:
        bundle: the bundle, in a folder beside the store.
        tag: ``name:version``, which the store must not have yet.

    Raises:
        StoreWriteError: the store cannot be written; it has no part of the bundle.
    """
    target = version_folder(tag)
    with storing(target):
        created = _write_entry(bundle, tag)
        target.parent.mkdir(parents=True, exist_ok=True)
        bundle.path.rename(target)
        _sync_folder(target.parent)
    try:
        _update_latest(tag, created)
    except Exception:
        # The bundle is stored, and its tag finds it. Another entry of the store may be damaged.
        logger.warning("the latest version of %s could not be set", tag.partition(":")[0], exc_info=True)
    return target


def _write_entry(bundle: Bundle, tag: str) -> datetime:
    """Write ``model.yaml`` with the labels and metadata that ``tabento.packaging.save`` writes."""
    provenance = bundle.manifest.provenance
    labels = {"fingerprint": provenance.fingerprint, "data": provenance.data}
    if provenance.pipeline_tag is not None:
        labels["pipeline"] = provenance.pipeline_tag
    metadata: dict[str, Any] = {
        "metrics": bundle.metrics,
        "rows": provenance.rows,
        "data_sha256": provenance.data_sha256,
        "format_version": bundle.manifest.format_version,
    }
    importances = bundle.path / IMPORTANCES_FILE
    if importances.is_file():
        metadata["importances"] = json.loads(importances.read_bytes())
    created = _trained_at(provenance.trained_at)
    name, version = split_tag(tag)
    content = {
        "name": name,
        "version": version,
        "module": BENTOML_MODULE,
        "labels": labels,
        "options": {},
        "metadata": metadata,
        "context": {
            "framework_name": "",
            "framework_versions": {},
            "bentoml_version": importlib.metadata.version("bentoml"),
            "python_version": platform.python_version(),
        },
        "signatures": {},
        "api_version": "v1",
        "creation_time": created.isoformat(),
    }
    with (bundle.path / BENTOML_FILE).open("w", encoding="utf-8") as file:
        yaml.safe_dump(content, file, sort_keys=False)
        file.flush()
        os.fsync(file.fileno())
    return created


def _trained_at(text: str) -> datetime:
    """Return the time of the training; the present time if the manifest has another form of it."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return datetime.now(UTC)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _update_latest(tag: str, created: datetime) -> None:
    """Make a version the latest one, if no newer one is stored."""
    _, version = split_tag(tag)
    folder = version_folder(tag).parent
    latest = folder / LATEST_FILE
    if latest.is_file():
        latest_folder = folder / latest.read_text(encoding="utf-8").strip()
        if (latest_folder / BENTOML_FILE).is_file() and _created(latest_folder) > created:
            return
    temporary = folder / f".{LATEST_FILE}-{os.getpid()}"
    temporary.write_text(version, encoding="utf-8")
    temporary.replace(latest)


def _created(folder: Path) -> datetime:
    """Return the time of a stored version, as BentoML reads it."""
    content: dict[str, Any] = yaml.safe_load((folder / BENTOML_FILE).read_text(encoding="utf-8"))
    return datetime.fromisoformat(str(content["creation_time"]))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
