"""The last answers of the registry, stored next to the model store, so that an outage of the registry stops no service.

A name such as ``NAME@champion`` is resolved by the registry. If the registry cannot be reached, the name is resolved by the
registry's last answer, provided that the bundle is in the local store and unchanged. A warning states the time of that answer.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bentoml._internal.configuration.containers import BentoMLContainer

from tabento.bundle.checksums import file_sha256
from tabento.bundle.errors import BundleError
from tabento.bundle.format import MANIFEST_FILE
from tabento.bundle.store import load_bundle
from training.registry.names import parse_name
from training.registry.version import MANIFEST_TAG, Version

_FILE = "tabento-last-known.json"


@dataclass(frozen=True)
class CachedAnswer:
    """One answer of the registry."""

    name: str
    """The model's name."""
    number: int
    """The version's number."""
    bundle_tag: str
    """The bundle's tag in the BentoML model store."""
    manifest_sha256: str | None
    """The checksum of the bundle's manifest, as it was registered."""
    answered_at: str
    """The time of the registry's answer, UTC, ISO 8601."""

    @property
    def is_stored_locally(self) -> bool:
        """Whether the bundle is in the local model store, verifies, and equals the registered bundle."""
        try:
            bundle = load_bundle(self.bundle_tag)
        except BundleError:
            return False
        return self.manifest_sha256 in (None, file_sha256(bundle.path / MANIFEST_FILE))


class CachedAnswers:
    """The last answers of one registry on this computer.

    Args:
        registry: the registry's address. Answers of another registry are ignored.
        path: the file of the answers; by default in BENTOML_HOME, next to the model store.
    """

    def __init__(self, registry: str, path: Path | None = None) -> None:
        self._registry = registry
        self._path = Path(BentoMLContainer.bentoml_home.get()) / _FILE if path is None else path

    def remember(self, name: str, version: Version) -> None:
        """Store the version that a name refers to. If the file cannot be written, nothing is stored.

        Args:
            name: the name, see ``parse_name``.
            version: the registry's answer.
        """
        answer = CachedAnswer(
            name=version.name,
            number=version.number,
            bundle_tag=version.bundle_tag,
            manifest_sha256=version.tags.get(MANIFEST_TAG),
            answered_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        content = self._read()
        content.setdefault(self._registry, {})[_key(name)] = asdict(answer)
        with suppress(OSError):
            self._write(content)

    def recall(self, name: str) -> CachedAnswer | None:
        """Return the registry's last answer for a name; None if this computer has no answer."""
        answer = self._read().get(self._registry, {}).get(_key(name))
        try:
            return CachedAnswer(**answer)
        except TypeError:
            return None

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, content: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Each writer has a separate temporary file, so that two commands never mix their content.
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=_FILE)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
            Path(name).replace(self._path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _key(reference: str) -> str:
    name, label = parse_name(reference)
    return f"{name}/{label}" if isinstance(label, int) else f"{name}@{label}"
