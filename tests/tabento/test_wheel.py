"""The wheel: it holds the library only, and works away from the checkout with the packages of its extra."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from shutil import copytree, ignore_patterns

import pandas as pd
import pytest
from packaging.requirements import Requirement

from tests.tabento.adopt.makers import TREE_TYPES, boat_pipeline, boats, save_skops

ROOT = Path(__file__).parents[2]
SOURCES = ("tabento", "training", "serving", "runners")
LARGEST_WHEEL = 1_000_000
"""In bytes. A wheel above that holds more than the library's source code."""
EXAMPLE = """
import pandas as pd, skops.io
pipeline = skops.io.load("boats.skops", trusted=["numpy.dtype", "sklearn.tree._tree.Tree"])
sample = pd.read_csv("boats.csv")

from tabento import export_pipeline, prove
exported = export_pipeline(pipeline, sample)
report = prove(pipeline, exported, sample)
print(report.rows, report.worst_relative, report.other_branches)
exported.save("boats.onnx")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by setuptools in a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    checkout = folder / "checkout"
    for name in SOURCES:
        copytree(ROOT / name, checkout / name, ignore=ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "service.py"):
        (checkout / name).write_bytes((ROOT / name).read_bytes())
    code = f"import setuptools.build_meta as backend; print(backend.build_wheel({str(folder)!r}))"
    process = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True)
    return folder / process.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and the packages of ``tabento[export]``, and with nothing else."""
    folder = tmp_path_factory.mktemp("clean") / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    install = ["-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(python), str(wheel)]
    subprocess.run([sys.executable, *install], check=True, cwd=folder)
    (site_packages,) = (folder / "lib").glob("python*/site-packages")
    for name in sorted(packages_of_the_extra()):
        link_package(name, site_packages)
    return folder


def packages_of_the_extra() -> set[str]:
    """Return the distributions that ``tabento[export]`` needs, with all that they need."""
    packages: set[str] = set()
    pending = [("tabento", "export")]
    while pending:
        name, extra = pending.pop()
        try:
            requirements = distribution(name).requires or []
        except PackageNotFoundError:
            pytest.fail(f"{name} is not installed: run make setup-dev")
        for text in requirements:
            requirement = Requirement(text)
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
                continue
            needed = re.sub(r"[-_.]+", "-", requirement.name).lower()
            if needed not in packages:
                packages.add(needed)
                pending += [(needed, required_extra) for required_extra in ("", *requirement.extras)]
    return packages


def link_package(name: str, site_packages: Path) -> None:
    """Link the files of an installed distribution into another environment."""
    installed = distribution(name)
    for top in {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}:
        link = site_packages / top
        if not link.exists():
            link.symlink_to(str(installed.locate_file(top)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with a fitted pipeline and a sample, outside the checkout."""
    frame = boats()
    frame.to_csv(tmp_path / "boats.csv", index=False)
    save_skops(boat_pipeline(pd.read_csv(tmp_path / "boats.csv")), tmp_path / "boats.skops")
    return tmp_path


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command without the settings of this environment."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=300, check=False)


def sources() -> Iterator[str]:
    """Yield each source file of the library."""
    yield from (str(path.relative_to(ROOT)) for path in (ROOT / "tabento").rglob("*.py"))


def test_wheel_holds_the_library_only(wheel: Path) -> None:
    """One package at the top, every module of it, its marker of types, and the command."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read("tabento-0.1.0.dist-info/METADATA").decode()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"tabento", "tabento-0.1.0.dist-info"}
    assert {*sources(), "tabento/py.typed"} <= names
    assert wheel.stat().st_size < LARGEST_WHEEL
    base = {line for line in metadata.splitlines() if line.startswith("Requires-Dist: ") and "extra ==" not in line}
    assert {re.split(r"[ <>=~]", line)[1] for line in base} == {
        *("click", "numpy", "pydantic", "pydantic-core", "python-dotenv"),
    }
    sys.stdout.write(f"top of site-packages: {sorted(tops)}; {wheel.stat().st_size:,} bytes\n")


@pytest.mark.slow
def test_five_lines_export_and_prove(environment: Path, folder: Path) -> None:
    """The example of the public face runs where only the wheel and its extra are installed."""
    where = "import importlib.util, tabento; print(tabento.__file__, importlib.util.find_spec('training'))"
    process = run(str(environment / "bin" / "python"), "-c", where, cwd=folder)
    assert process.stdout.startswith(str(environment)), process.stderr
    assert process.stdout.endswith(" None\n")
    process = run(str(environment / "bin" / "python"), "-c", EXAMPLE, cwd=folder)
    assert process.returncode == 0, process.stderr
    rows, difference, branches = process.stdout.split()
    assert int(rows) > 1000
    assert float(difference) <= 1e-12
    assert branches == "0"
    assert (folder / "boats.onnx").is_file()
    assert (folder / "boats.contract.json").is_file()


@pytest.mark.slow
def test_command_exports_and_prints_the_report(environment: Path, folder: Path) -> None:
    """``tabento export`` prints the parity report and writes the model; a file without trust ends in one line."""
    command = [str(environment / "bin" / "tabento"), "export", "boats.skops", "--sample", "boats.csv", "-o", "m.onnx"]
    trust = [word for name in TREE_TYPES for word in ("--trust", name)]
    process = run(*command, *trust, "--target", "price", cwd=folder)
    assert process.returncode == 0, process.stderr
    assert "the model answers what the pipeline answers" in process.stdout
    assert "compared rows" in process.stdout
    assert (folder / "m.onnx").is_file()
    process = run(*command, cwd=folder)
    assert process.returncode == 1
    assert process.stderr.startswith("error: boats.skops would create 1 type")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train", "models", "serve"])
def test_commands_of_the_project_name_what_they_need(name: str, environment: Path, folder: Path) -> None:
    """Away from the checkout a command of the project ends with exit code 1 and one line."""
    process = run(str(environment / "bin" / "tabento"), name, "--config", "configs/x.yaml", cwd=folder)
    assert process.returncode == 1
    (line,) = process.stderr.splitlines()
    assert line.startswith(f"error: `tabento {name}` needs the project: run it in a checkout of Tabento")
