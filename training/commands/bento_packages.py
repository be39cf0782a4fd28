"""The packages of a Bento: those that every service imports, and those of named groups, for optional parts of the service."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tabento.errors import TabentoError

BENTOFILE = "bentofile.yaml"
LOCKS = "requirements"
SERVING = "serving"
GROUPS = ("grpc", "postgres", "rollout", "tracing")
"""The groups with a lock that contains the packages of every service as well: for gRPC, for feedback in PostgreSQL, for signatures and
for bundles of a registry, and for traces."""

_PACKAGE = re.compile(r"^(?=[A-Za-z0-9])", re.MULTILINE)
_REQUIREMENTS = re.compile(r"^(\s+requirements_txt:).*$", re.MULTILINE)


def combined_lock(root: Path, groups: Sequence[str]) -> str:
    """Return the lock of every service with the packages of some groups.

    Args:
        root: the checkout.
        groups: names of ``GROUPS``.

    Raises:
        TabentoError: a group is unknown, or two locks have different versions of a package.
    """
    packages: dict[str, str] = {}
    for group in (SERVING, *groups):
        if group not in (SERVING, *GROUPS):
            raise TabentoError(f"expected a group of {', '.join(GROUPS)}, got {group!r}. Correct --group.")
        for block in _PACKAGE.split((root / LOCKS / f"{group}.txt").read_text(encoding="utf-8")):
            requirement = block.partition("\\")[0].strip()
            if "==" not in requirement:
                continue
            name, _, marker = requirement.partition(";")
            key = f"{name.partition('==')[0].strip()};{marker}"
            if packages.setdefault(key, block).partition("\\")[0] != block.partition("\\")[0]:
                raise TabentoError(
                    f"the lock of {group} has another version of {name.strip()}. Resolve them together: `make lock`."
                )
    return "".join(f"{packages[key].strip()}\n" for key in sorted(packages))


def build_file(root: Path, groups: Sequence[str]) -> Path:
    """Return the build file of a Bento with the packages of some groups; without groups it is the checkout's.

    BentoML reads only files within the checkout that are not hidden, and packs the build file. So the files have a fixed place in
    ``runs``: two builds of the same groups pack the same file.

    Raises:
        TabentoError: a group is unknown, two locks disagree, or the files cannot be written.
    """
    if not groups:
        return root / BENTOFILE
    names = sorted(set(groups))
    lock = combined_lock(root, names)
    folder = root / "runs" / "packages" / "-".join(names)
    requirements = folder / "requirements.txt"
    text = (root / BENTOFILE).read_text(encoding="utf-8")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        requirements.write_text(lock, encoding="utf-8")
        (folder / BENTOFILE).write_text(
            _REQUIREMENTS.sub(rf"\1 {requirements.relative_to(root)}", text), encoding="utf-8"
        )
    except OSError as error:
        raise TabentoError(f"cannot write into {folder}: {error.strerror}. Make the folder writable.") from error
    return folder / BENTOFILE
