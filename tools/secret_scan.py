"""Secrets in the files of the checkout: ``python -m tools.secret_scan`` names those that .secrets.baseline does not list.

detect-secrets finds them. Its own command rewrites the baseline whenever a known line moves, so this one compares file,
kind and checksum only. The baseline lists invented secrets of tests and documents, without their text.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import configure_settings_from_baseline

ROOT = Path(__file__).parents[1]
BASELINE = Path(".secrets.baseline")

CHUNK_FILES = 200
"""Files that a process scans at a time: its start costs less than these, and the processes end at about the same time."""

EXCLUDED = (
    "requirements/*.txt",
    "benchmarks/peers/*.txt",
    "benchmarks/results/*.json",
    "docs/figures.json",
    str(BASELINE),
)
"""Locks and measured results: nearly every line has a checksum, and programs write them."""

Secret = tuple[str, str, str]
"""File, kind and SHA-1 of a secret."""


def tracked_files(root: Path) -> list[str]:
    """Return the tracked and new files of a checkout; ignored and deleted files are excluded."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return sorted({name for name in listing.split("\0") if name and (root / name).is_file()})


def scan_files(root: Path, settings: Mapping[str, Any], files: Sequence[str]) -> dict[Secret, int]:
    """Return the secrets of some files, each with its line.

    Args:
        root: the checkout.
        settings: detect-secrets' plugins and filters, as a baseline stores them.
        files: paths relative to the root.
    """
    configure_settings_from_baseline(dict(settings))
    collection = SecretsCollection(root=str(root))
    for file in files:
        collection.scan_file(file)
    return {(file, secret.type, secret.secret_hash): secret.line_number for file, secret in collection}


def scan(root: Path, settings: Mapping[str, Any], files: Sequence[str], processes: int = 2) -> dict[Secret, int]:
    """Return the secrets of all files, each with its line, in the order of files and lines."""
    chunks = [files[start : start + CHUNK_FILES] for start in range(0, len(files), CHUNK_FILES)]
    secrets: dict[Secret, int] = {}
    if len(chunks) == 1:
        secrets = scan_files(root, settings, chunks[0])
    elif chunks:
        with ProcessPoolExecutor(processes) as pool:
            for result in pool.map(scan_files, [root] * len(chunks), [settings] * len(chunks), chunks):
                secrets |= result
    return dict(sorted(secrets.items(), key=lambda item: (item[0][0], item[1])))


def read_baseline(path: Path) -> dict[str, Any]:
    """Return a baseline's document.

    Raises:
        ValueError: the file is missing or is not a baseline.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document["results"], dict) or not isinstance(document["plugins_used"], list):
            raise ValueError("the keys results and plugins_used have the wrong type")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"expected a baseline of detect-secrets in {path}: {error!r}. Restore it from git.") from error
    return document


def known_secrets(document: Mapping[str, Any]) -> set[Secret]:
    """Return the secrets that a baseline lists."""
    return {
        (file, secret["type"], secret["hashed_secret"])
        for file, secrets in document["results"].items()
        for secret in secrets
    }


def updated_baseline(document: Mapping[str, Any], secrets: Mapping[Secret, int], files: Sequence[str]) -> str:
    """Return the text of a baseline that lists the secrets of a scan, each as a false positive.

    Args:
        document: the present baseline.
        secrets: the secrets of the scan.
        files: the files of the scan; the entries of other files stay. Empty means that all files were scanned.
    """
    results: dict[str, list[dict[str, Any]]] = {
        file: entries for file, entries in document["results"].items() if files and file not in files
    }
    for file, kind, digest in secrets:
        results.setdefault(file, []).append({"type": kind, "hashed_secret": digest, "is_secret": False})
    for entries in results.values():
        entries.sort(key=lambda entry: (entry["type"], entry["hashed_secret"]))
    return json.dumps({**document, "results": dict(sorted(results.items()))}, indent=2) + "\n"


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Print each secret that the baseline does not list.

    Returns:
        0 if there is none, 1 if there are some or the baseline lists secrets that are gone, 2 if the baseline is not valid.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.secret_scan", description=__doc__)
    parser.add_argument("files", nargs="*", help="the files; without any, all files of the checkout")
    parser.add_argument(
        "--update", action="store_true", help="list the present secrets in the baseline: review the change"
    )
    options = parser.parse_args(arguments)
    path = root / BASELINE
    try:
        document = read_baseline(path)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    files = options.files or tracked_files(root)
    secrets = scan(root, document, [file for file in files if not any(fnmatchcase(file, name) for name in EXCLUDED)])
    if options.update:
        path.write_text(updated_baseline(document, secrets, options.files), encoding="utf-8")
        return 0
    listed_secrets = known_secrets(document)
    for (file, kind, digest), line in secrets.items():
        if (file, kind, digest) not in listed_secrets:
            sys.stdout.write(f"{file}:{line}: {kind}\n")
    stale_entries = set() if options.files else listed_secrets - set(secrets)
    for file, kind, _ in sorted(stale_entries):
        sys.stdout.write(f"{BASELINE}: lists a secret that is gone: {file}: {kind}\n")
    if new := set(secrets) - listed_secrets:
        sys.stdout.write(
            f"{len(new)} possible secrets. A real one: remove it, and revoke it if it was committed. An invented one: end"
            " its line with `# pragma: allowlist secret`, or run `make secrets ARGS=--update` and review the baseline.\n"
        )
    elif stale_entries:
        sys.stdout.write("Run `make secrets ARGS=--update`.\n")
    return 1 if new or stale_entries else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
