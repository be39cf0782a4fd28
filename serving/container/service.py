"""The service that the first process has checked, with all that its workers inherit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serving.container.bento_file import PackedBento
from serving.settings import ServingSettings
from tabento.bundle.store import Bundle

BACKLOG = 2_048
"""The number of connections that the kernel keeps until a worker accepts them; BentoML's default."""


@dataclass(frozen=True)
class Service:
    """A service that was checked."""

    source: Path
    """The folder of ``service.py``."""
    settings: ServingSettings
    bundle: Bundle
    bento: PackedBento | None
    """The Bento; None in a checkout."""
    tag: str
    """The bundle of the settings or of the Bento, with its version. A rollout document may choose another one, also later."""
