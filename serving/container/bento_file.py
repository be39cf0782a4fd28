"""``bento.yaml``, the description of a built Bento, read without BentoML: the packed models, arguments and schema.

The file also holds all hashes of the locked packages, nine tenths of it, which a YAML parser reads for a fifth of a second. So only
the sections that are needed are parsed. BentoML writes each as a key at the beginning of a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FILE = "bento.yaml"
SOURCE_FOLDER = "src"
_SECTIONS = ("name", "version", "services", "models", "args", "schema")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C, if PyYAML has it."""


class BentoFileError(Exception):
    """``bento.yaml`` cannot be read."""


@dataclass(frozen=True)
class PackedBento:
    """A built Bento."""

    folder: Path
    tag: str
    model_tags: tuple[str, ...]
    """The tags of the packed models."""
    model: str | None
    """The model that ``bentoml build --arg model=…`` named; None without the argument."""
    further_models: str = ""
    """The argument ``models`` of the build: the tags of the models that are served beside the first one."""
    schema: Mapping[str, Any] = field(default_factory=dict)
    """BentoML's description of the service for its clients."""


def find_bento(source: Path) -> PackedBento | None:
    """Return the Bento that contains a folder of sources; None in a checkout.

    Args:
        source: the folder of ``service.py``.

    Raises:
        BentoFileError: ``bento.yaml`` is not the description of a Bento.
    """
    folder = source.parent
    if source.name != SOURCE_FOLDER or not (folder / FILE).is_file():
        return None
    return read_bento(folder)


def read_bento(folder: Path) -> PackedBento:
    """Read the description of a Bento.

    Raises:
        BentoFileError: the file cannot be read, or a section is missing or has another form.
    """
    path = folder / FILE
    try:
        content = yaml.load(_needed_sections(path.read_text(encoding="utf-8")), _LOADER)  # noqa: S506 - both are safe loaders
        models = [
            *content.get("models", ()),
            *(model for service in content["services"] for model in service["models"]),
        ]
        return PackedBento(
            folder=folder,
            tag=f"{content['name']}:{content['version']}",
            model_tags=tuple(dict.fromkeys(str(model["tag"]) for model in models)),
            model=(content.get("args") or {}).get("model"),
            further_models=(content.get("args") or {}).get("models") or "",
            schema=content.get("schema") or {},
        )
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise BentoFileError(
            f"{path} is not the description of a Bento: {reason}. Build the Bento again: `make bento`."
        ) from error


def _needed_sections(text: str) -> str:
    """Return the needed top-level sections of a YAML mapping in block style."""
    sections = re.split(r"^(?=[A-Za-z_])", text, flags=re.MULTILINE)
    return "".join(section for section in sections if section.partition(":")[0] in _SECTIONS)
