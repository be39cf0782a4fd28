"""What the registry answered last, kept beside the model store, so that an outage of the registry stops no service.

A name such as ``NAME@champion`` means what the registry says now. If the registry cannot be reached, it means what the
registry said last, provided that the bundle is in the local store and unchanged; whoever asks is told how old that is.
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

from bundle.errors import BundleError
from bundle.format import MANIFEST_FILE
from bundle.manifest import sha256_of
from bundle.store import load_bundle
from training.registry.names import parse_name
from training.registry.version import MANIFEST_TAG, Version

_FILE = "tabento-last-known.json"


@dataclass(frozen=True)
class LastKnown:
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
    """When the registry said so, UTC, ISO 8601."""

    @property
    def is_here(self) -> bool:
        """Whether the bundle is in the local model store, verifies, and is what was registered."""
        try:
            bundle = load_bundle(self.bundle_tag)
        except BundleError:
            return False
        return self.manifest_sha256 in (None, sha256_of(bundle.path / MANIFEST_FILE))


class LastKnownAnswers:
    """The last answers of one registry on this machine.

    Args:
        registry: the registry's address; answers of another one do not count.
        path: the file that keeps them; by default in BENTOML_HOME, beside the store that has the bundles.
    """

    def __init__(self, registry: str, path: Path | None = None) -> None:
        self._registry = registry
        self._path = Path(BentoMLContainer.bentoml_home.get()) / _FILE if path is None else path

    def remember(self, asked: str, version: Version) -> None:
        """Keep what a name means; if that cannot be written, nothing is kept.

        Args:
            asked: the name, see ``parse_name``.
            version: what the registry answered.
        """
        answer = LastKnown(
            name=version.name,
            number=version.number,
            bundle_tag=version.bundle_tag,
            manifest_sha256=version.tags.get(MANIFEST_TAG),
            answered_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        content = self._read()
        content.setdefault(self._registry, {})[_key(asked)] = asdict(answer)
        with suppress(OSError):
            self._write(content)

    def recall(self, asked: str) -> LastKnown | None:
        """Return what the registry said last of a name; None if it never said anything on this machine."""
        answer = self._read().get(self._registry, {}).get(_key(asked))
        try:
            return LastKnown(**answer)
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
        # A name of its own for each writer: two commands at once never mix their halves.
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=_FILE)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
            Path(name).replace(self._path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _key(asked: str) -> str:
    name, which = parse_name(asked)
    return f"{name}/{which}" if isinstance(which, int) else f"{name}@{which}"
