"""The notes of a release: ``python3 -m tools.release_notes v1.2.0`` prints the section of CHANGELOG.md.

It fails if the tag is not the version of pyproject.toml, or the changelog has no section with a date for it. It imports the
standard library only.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


class ReleaseError(Exception):
    """A tag cannot be released."""


def release_notes(tag: str, pyproject: str, changelog: str) -> str:
    """Return the section of a version, without its heading.

    Args:
        tag: ``v`` and the version.
        pyproject: the text of pyproject.toml.
        changelog: the text of CHANGELOG.md.

    Raises:
        ReleaseError: the tag does not fit the version, or the section is missing, has no date or is empty.
    """
    version = tomllib.loads(pyproject)["project"]["version"]
    if tag != f"v{version}":
        raise ReleaseError(
            f"expected the tag v{version}, the version of pyproject.toml, got {tag}. Correct one of them."
        )
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)
    heading = re.compile(rf"\[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}\n")
    section = next((section for section in sections if heading.match(section)), None)
    if section is None:
        raise ReleaseError(
            f"CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD`. Move the entries of Unreleased into it."
        )
    # Links at the end of the file belong to the headings, not to the last section.
    notes = re.sub(r"^\[[^\]]+\]: \S+$", "", section.partition("\n")[2], flags=re.MULTILINE).strip()
    if not notes:
        raise ReleaseError(f"the section [{version}] of CHANGELOG.md is empty. Write what changes for users.")
    return notes


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Print the notes.

    Returns:
        0, or 1 if the tag cannot be released.
    """
    if len(arguments) != 1:
        sys.stderr.write("usage: python3 -m tools.release_notes TAG\n")
        return 2
    texts = [(root / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "CHANGELOG.md")]
    try:
        sys.stdout.write(release_notes(arguments[0], *texts) + "\n")
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
