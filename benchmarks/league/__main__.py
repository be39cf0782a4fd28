"""Which converter of fitted pipelines is exact, how far are the others off, and how fast are they?

The command creates the zoo's cases and an environment for each contestant, runs each contestant, and writes the results, a
table and a picture.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.league.cases import make_cases
from benchmarks.league.contestants import CONTESTANTS, ENVIRONMENTS
from benchmarks.league.report import OWN, document, draw
from benchmarks.league.result import Outcome
from benchmarks.machine import describe_machine
from benchmarks.process import ROOT, BenchmarkError
from benchmarks.zoo.pipelines import zoo

REQUIREMENTS = Path(__file__).parent / "requirements"
RESULTS = ROOT / "benchmarks" / "results" / "league.json"
DOCS = ROOT / "docs" / "league.md"
PICTURE = ROOT / "docs" / "images" / "league.png"
SAME = ("scikit-learn", "numpy", "pandas", "scipy", "pyarrow")
"""Packages whose versions are equal in every environment and in the cases."""


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def environment(name: str, folder: Path) -> Path:
    """Create a contestant's environment and return its Python.

    Raises:
        BenchmarkError: the contestant cannot be installed.
    """
    from importlib.metadata import version

    python = folder / name / "bin" / "python"
    if python.exists():
        return python
    _say(f"installing {name} ...")
    # pip and not uv: pip finds a computer's local build of PyTorch without GPU.
    subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
    same = [f"{package}=={version(package)}" for package in SAME]
    process = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS / f"{name}.txt"), "pydantic", *same],
        capture_output=True,
        text=True,
    )
    if process.returncode:
        raise BenchmarkError(f"{name} does not install: {(process.stderr.strip().splitlines() or ['?'])[-1]}")
    return python


def versions_of(python: Path, name: str) -> str:
    """Return the versions of the libraries that a contestant's file names."""
    names = [line.split("==")[0].strip() for line in (REQUIREMENTS / f"{name}.txt").read_text().splitlines()]
    packages = [line for line in names if line and not line.startswith("#")]
    script = "import sys; from importlib.metadata import version; print(', '.join(f'{n} {version(n)}' for n in sys.argv[1:]))"
    process = subprocess.run([str(python), "-c", script, *packages], capture_output=True, text=True, check=True)
    return process.stdout.strip()


def _run(name: str, python: Path, folder: Path, timed: bool) -> list[Outcome]:
    out = folder / f"{ENVIRONMENTS[name]}-{len(name)}.jsonl"
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "ORT_DISABLE_TELEMETRY": "1"}
    subprocess.run(
        [str(python), "-m", "benchmarks.league.worker", name, str(folder), str(out), *([] if timed else ["--untimed"])],
        check=True,
        cwd=folder,
        env=surroundings,
    )
    return [Outcome.model_validate_json(line) for line in out.read_text().splitlines()]


def run(
    contestants: Sequence[str], members: Sequence[str], environments: Path, *, timed: bool = True
) -> tuple[dict[str, list[Outcome]], dict[str, str]]:
    """Return the outcomes and the versions of each contestant, Tabento's first."""
    from importlib.metadata import version

    versions = {OWN: ", ".join(f"{package} {version(package)}" for package in ("onnx", "onnxruntime", "scikit-learn"))}
    with tempfile.TemporaryDirectory(prefix="league-") as folder_name:
        folder = Path(folder_name)
        _say(f"fitting {len(members)} pipelines ...")
        results = {OWN: make_cases(members, folder)}
        for name in contestants:
            try:
                python = environment(ENVIRONMENTS[name], environments)
                versions[name] = versions_of(python, ENVIRONMENTS[name])
                results[name] = _run(name, python, folder, timed)
            except (BenchmarkError, subprocess.CalledProcessError) as error:
                _say(f"{name} is skipped: {error}")
    return results, versions


def main() -> None:
    """Run the league."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=list(CONTESTANTS), help="contestants; all by default")
    parser.add_argument("--every", type=int, default=1, help="use every n-th pipeline of the zoo")
    parser.add_argument("--docs", action="store_true", help="write docs/league.md, its picture and the results")
    parser.add_argument("--untimed", action="store_true", help="measure no speeds: for a busy computer")
    parser.add_argument("--environments", type=Path, default=ROOT / ".league", help="folder of the environments")
    options = parser.parse_args()
    members = list(zoo())[:: options.every]
    results, versions = run(options.only or list(CONTESTANTS), members, options.environments, timed=not options.untimed)
    machine_facts = describe_machine()
    machine = f"Measured on {machine_facts['cores']} cores of {machine_facts['cpu']}, {machine_facts['system']}, Python {machine_facts['python']}."
    selection = "each pipeline" if options.every == 1 else f"one in {options.every}"
    text = document(results, versions, f"{machine} Of the zoo: {selection}.")
    print(text)
    if not options.docs:
        return
    stored_results = {
        "versions": versions,
        "results": {
            name: [outcome.model_dump() for outcome in machine_facts] for name, machine_facts in results.items()
        },
    }
    RESULTS.write_text(json.dumps(stored_results, indent=1) + "\n")
    DOCS.write_text(text)
    draw(results, PICTURE)
    _say(f"wrote {RESULTS.relative_to(ROOT)}, {DOCS.relative_to(ROOT)} and {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
