"""``python -m tools.plain_english [--count] [PATH ...]``: refuse names and phrases, or print how plain the prose is."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from tools.plain_english.figures import Figures, by_folder, count_file
from tools.plain_english.files import ROOT, package_files, tracked_files
from tools.plain_english.lint import Finding, check_file
from tools.plain_english.report import report_lines

Result = TypeVar("Result")

PROCESSES = 2
FILES_PER_TASK = 25


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 if a name or a phrase is refused, 2 if a path does not exist."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.plain_english", description=(__doc__ or "").partition(": ")[2]
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files and folders of the checkout; none means all")
    parser.add_argument("--count", action="store_true", help="print figures for each folder instead of checking")
    parser.add_argument("--depth", type=int, default=1, help="how many folders deep --count groups; 1 by default")
    parser.add_argument(
        "--package",
        action="append",
        default=[],
        metavar="NAME",
        help="with --count: an installed package to compare with",
    )
    options = parser.parse_args(arguments)
    try:
        files = tracked_files(options.paths)
        packages = {name: package_files(name, sys.path) for name in options.package}
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if options.count:
        folders = by_folder(_figures_by_file([file for file in files if file.suffix == ".py"]), options.depth)
        package_figures = {
            name: sum(_figures_by_file(modules).values(), Figures()) for name, modules in packages.items()
        }
        print("\n".join(report_lines(folders, package_figures)))
        return 0
    findings = _findings(files)
    for finding in findings:
        print(finding)
    if findings:
        print(f"{len(findings)} names and phrases to replace.", file=sys.stderr)
    return 1 if findings else 0


def _findings(files: Sequence[Path]) -> list[Finding]:
    return [finding for findings in _mapped(partial(check_file, root=ROOT), files) for finding in findings]


def _figures_by_file(files: Sequence[Path]) -> dict[Path, Figures]:
    return dict(zip(files, _mapped(partial(count_file, root=ROOT), files), strict=True))


def _mapped(function: Callable[[Path], Result], files: Sequence[Path]) -> list[Result]:
    """Return the results for all files, in their order; many files are shared among processes.

    The garbage collector is switched off in these processes: it takes most of the time of parsing.
    """
    if len(files) <= FILES_PER_TASK:
        return list(map(function, files))
    with ProcessPoolExecutor(PROCESSES, initializer=gc.disable) as pool:
        return list(pool.map(function, files, chunksize=FILES_PER_TASK))


if __name__ == "__main__":
    sys.exit(main())
