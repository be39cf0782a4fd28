"""``python -m deploy.manifests``: render every overlay and the chart, validate, apply the rules, and compare both.

``make manifests`` installs the programs first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.manifests.compare import compare
from deploy.manifests.errors import ManifestError
from deploy.manifests.generate import COMMAND, stale_files
from deploy.manifests.policies import SKIPPED_POLICIES, VERSIONS, check_policies, check_schemas, write_renderings
from deploy.manifests.render import (
    CHART,
    VALUES,
    Rendering,
    overlay_names,
    render_chart,
    render_overlay,
    values_names,
)
from deploy.manifests.rules import RULES, check_rules
from deploy.manifests.tools import find_tool, run_tool


def render_all() -> tuple[list[Rendering], list[Rendering]]:
    """Return the renderings of all overlays, and of the chart with each file of values.

    Raises:
        ManifestError: one of them cannot be rendered, or a file of values has no overlay of its name.
    """
    overlays = {name: render_overlay(name) for name in overlay_names()}
    charts = []
    for name in values_names():
        if name not in overlays:
            raise ManifestError(f"{VALUES / name}.yaml has no overlay of this name. Rename it, or add the overlay.")
        charts.append(render_chart(VALUES / f"{name}.yaml", namespace_of(overlays[name])))
    return [*overlays.values()], charts


def namespace_of(rendering: Rendering) -> str:
    """Return the namespace of a rendering's objects."""
    return next(str(item["metadata"]["namespace"]) for item in rendering.objects if "namespace" in item["metadata"])


def _report(name: str, detail: str, faults: Sequence[str], start_s: float) -> int:
    result = "failed" if faults else "ok"
    print(f"  {name:<24} {detail:<70} {result:<7} {time.monotonic() - start_s:5.1f} s", flush=True)
    for line in faults:
        print(f"    {line}", flush=True)
    return len(faults)


def run_checks(output: Path | None) -> int:
    """Run all checks, print a line for each, and return the number of faults.

    Args:
        output: the folder for the rendered files; None for a temporary one.

    Raises:
        ManifestError: a program is missing or failed.
    """
    n_faults = 0

    def check(name: str, run: Callable[[], tuple[str, Sequence[str]]]) -> None:
        nonlocal n_faults
        start_s = time.monotonic()
        detail, faults = run()
        n_faults += _report(name, detail, faults, start_s)

    with tempfile.TemporaryDirectory(prefix="tabento-manifests-") as temporary:
        folder = output or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        start_s = time.monotonic()
        overlays, charts = render_all()
        renderings = [*overlays, *charts]
        paths = write_renderings(renderings, folder)
        n_objects = sum(len(rendering.objects) for rendering in renderings)
        _report("render", f"{len(overlays)} overlays, {len(charts)} sets of values, {n_objects} objects", (), start_s)

        def copies() -> tuple[str, Sequence[str]]:
            return "rules of Prometheus in component and chart", [
                f"{path} is stale; run {COMMAND}" for path in stale_files()
            ]

        def schemas() -> tuple[str, Sequence[str]]:
            result = check_schemas(paths)
            return f"{result.checked} validations, Kubernetes {', '.join(VERSIONS)}", result.faults

        def policies() -> tuple[str, Sequence[str]]:
            result = check_policies(folder)
            return f"{result.checked} checks by checkov, skipped {', '.join(SKIPPED_POLICIES)}", result.faults

        def rules() -> tuple[str, Sequence[str]]:
            faults = [f"{item.name}: {line}" for item in renderings for line in check_rules(item.objects)]
            return f"{len(RULES)} rules of this project", faults

        def chart() -> tuple[str, Sequence[str]]:
            run_tool([find_tool("helm"), "lint", "--strict", CHART])
            by_name = {item.name.partition("/")[2]: item for item in overlays}
            faults = [line for item in charts for line in compare(by_name[item.name.partition("/")[2]], item)]
            return f"helm lint; equal objects in {', '.join(item.name.partition('/')[2] for item in charts)}", faults

        for name, run in (
            ("copies", copies),
            ("schemas", schemas),
            ("policies", policies),
            ("rules", rules),
            ("chart", chart),
        ):
            check(name, run)
    return n_faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks; return 0, or 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m deploy.manifests", description="Check the Kubernetes manifests.")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="keep the rendered files in this folder")
    options = parser.parse_args(arguments)
    try:
        n_faults = run_checks(options.output)
    except (ManifestError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    if n_faults:
        sys.stderr.write(f"{n_faults} faults\n")
    return 1 if n_faults else 0


if __name__ == "__main__":
    sys.exit(main())
