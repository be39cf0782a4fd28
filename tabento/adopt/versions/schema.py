"""The description in a skops file, with the names of another version of scikit-learn replaced by today's.

The audit then checks the exact types that would be created.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from tabento.adopt.archive import SCHEMA_MEMBER
from tabento.adopt.versions.renames import current_name


def renamed_archive(content: bytes) -> bytes:
    """Return a skops file with the names of the installed scikit-learn in its description; the same bytes if they are already current.

    Args:
        content: a file whose bounds ``open_archive`` has checked.

    Raises:
        Exception: any error that a damaged archive or description causes.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        description = json.loads(archive.read(SCHEMA_MEMBER))
        if not _rename(description):
            return content
        copy = io.BytesIO()
        with zipfile.ZipFile(copy, "w") as target:
            for member in archive.infolist():
                if member.filename == SCHEMA_MEMBER:
                    target.writestr(SCHEMA_MEMBER, json.dumps(description))
                else:
                    target.writestr(member.filename, archive.read(member))
    return copy.getvalue()


def type_names(content: bytes) -> list[str]:
    """Return the full name of every type that a skops file names, as the file names it, sorted."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        pending: list[Any] = [json.loads(archive.read(SCHEMA_MEMBER))]
    names = set()
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            module, name = node.get("__module__"), node.get("__class__")
            if isinstance(module, str) and isinstance(name, str):
                names.add(f"{module}.{name}")
            pending += node.values()
    return sorted(names)


def current_type(name: str) -> str:
    """Return the current full name of a type."""
    module, _, own = name.rpartition(".")
    return ".".join(current_name(module, own))


def _rename(description: Any) -> bool:
    """Replace names in place; return whether a name was replaced."""
    changed = False
    pending = [description]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            module, name = node.get("__module__"), node.get("__class__")
            if isinstance(module, str) and isinstance(name, str) and current_name(module, name) != (module, name):
                node["__module__"], node["__class__"] = current_name(module, name)
                changed = True
            pending += node.values()
    return changed
