"""The areas of the repository that a pull request changes: the jobs of .github/workflows/ci.yml run only for theirs.

``python3 -m tools.changed_areas BASE`` prints one line ``AREA=true`` or ``AREA=false`` for each area, in the form of a
workflow's outputs. It runs before any package is installed, so it imports the standard library only.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).parents[1]

AREAS: dict[str, tuple[str, ...]] = {
    "code": (
        *(
            "tabento/*",
            "runners/*",
            "monitoring/*",
            "rollout/*",
            "serving/*",
            "training/*",
            "service.py",
            "container.py",
        ),
        *("benchmarks/*", "tests/*", "tools/*", "configs/*"),
        *("deploy/*.py", "deploy/proxies/*", "deploy/compose/*", "deploy/prometheus/*", "deploy/grafana/*"),
    ),
    "image": (
        *(
            "tabento/*",
            "runners/*",
            "monitoring/*",
            "rollout/*",
            "serving/*",
            "service.py",
            "container.py",
            "configs/*",
        ),
        *("deploy/*.py", "deploy/docker/*", "tests/deploy/*", "tests/image/*"),
        *("bentofile.yaml", ".dockerignore", ".bentoignore"),
    ),
    "manifests": (
        *("deploy/*", "configs/serving.yaml", "serving/settings.py", "monitoring/settings.py", "rollout/settings.py"),
        *("tests/deploy/manifests/*", "tests/deploy/compose/*"),
    ),
    "dependencies": (),
}
"""The patterns of each area's files. ``*`` matches any characters, also slashes."""

SHARED_FILES = (
    "Makefile",
    "pyproject.toml",
    "requirements/*",
    ".github/actions/*",
    ".github/workflows/*",
    "tools/changed_areas.py",
)
"""A change of these files can change the result of every job."""

WITHOUT_AREA = (
    *("*.md", "docs/*", "LICENSE", ".gitignore", ".pre-commit-config.yaml", ".secrets.baseline", ".github/*", ".ci/*"),
    *("dvc.yaml", ".dvcignore", ".dvc/*", ".env.example", "benchmarks/results/*"),
)
"""Files that only the lint and the tests of changed folders read; those jobs always run."""


def changed_areas(files: Iterable[str]) -> dict[str, bool]:
    """Return for each area whether one of the files belongs to it.

    A file that no pattern knows changes every area: a forgotten pattern costs a job's time, and skips no test.
    """
    areas = dict.fromkeys(AREAS, False)
    for file in files:
        if matches_pattern(file, SHARED_FILES):
            return dict.fromkeys(AREAS, True)
        if matches_pattern(file, WITHOUT_AREA):
            continue
        matches = [area for area, patterns in AREAS.items() if matches_pattern(file, patterns)]
        if not matches:
            return dict.fromkeys(AREAS, True)
        areas.update(dict.fromkeys(matches, True))
    return areas


def matches_pattern(file: str, patterns: Sequence[str]) -> bool:
    """Return whether one of the patterns matches a path."""
    return any(fnmatchcase(file, pattern) for pattern in patterns)


def changed_files(root: Path, base: str) -> list[str]:
    """Return the files that differ between the merge base with a commit and HEAD, including deleted files.

    Raises:
        subprocess.CalledProcessError: git does not know the commit.
    """
    command = ["git", "diff", "--name-only", "--no-renames", "-z", f"{base}...HEAD"]
    process = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True)
    return [name for name in process.stdout.split("\0") if name]


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Print the areas; without a base, or with an empty one, every area is changed."""
    base = arguments[0] if arguments else ""
    areas = changed_areas(changed_files(root, base)) if base else dict.fromkeys(AREAS, True)
    sys.stdout.writelines(f"{area}={str(is_changed).lower()}\n" for area, is_changed in areas.items())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
