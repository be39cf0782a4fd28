"""The content of a Bento: the code that a service can import, its settings, its bundles and the locked packages, nothing else."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import bentoml
import httpx
import pytest
import yaml
from bentoml._internal.bento.build_config import BentoBuildConfig, BentoPathSpec

from benchmarks.process import serve_bento
from tabento.bundle.format import BENTOML_MODULE, MANIFEST_FILE
from tabento.bundle.manifest import BENTOML_FILE
from tests.bundles import TREE, classifier_contract, write_bundle
from tests.conftest import bentoml_home

ROOT = Path(__file__).parents[1]
ENTRY_POINTS = ("service", "container", "monitoring.__main__", "serving.operations.healthcheck")
"""The modules that a Bento runs: the service of BentoML and the one of the image, the process beside the workers, and HEALTHCHECK."""
SETTINGS = {"configs/serving.yaml", *(f"configs/profiles/{name}.env" for name in ("local", "staging", "production"))}
PARTS_OF_BENTOML = {
    "README.md",
    "apis/openapi.yaml",
    "apis/schema.json",
    "bento.yaml",
    "env/docker/Dockerfile",
    "env/docker/Dockerfile.template",
    "env/docker/entrypoint.sh",
    "env/docker/setup_script",
    "env/python/install.sh",
    "env/python/requirements.txt",
    "env/python/version.txt",
    "src/bentofile.yaml",
}
"""The files that BentoML writes into each Bento."""


def _is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes below a node that can run; also those within functions, which import when they are first called."""
    for child in ast.iter_child_nodes(node):
        if not _is_for_types_only(child):
            yield child
            yield from _statements(child)


def _imported_names(source: str) -> Iterator[str]:
    for node in _statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module_path(name: str) -> Path | None:
    stem = name.replace(".", "/")
    candidates = (Path(stem, "__init__.py"), Path(f"{stem}.py"))
    return next((candidate for candidate in candidates if (ROOT / candidate).is_file()), None)


def importable_modules(names: Iterable[str]) -> set[str]:
    """Return the paths of the modules of the checkout that some modules can import, directly or indirectly, and their own."""
    waiting, paths = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        path = _module_path(name)
        if path is None or path.as_posix() in paths:
            continue
        paths.add(path.as_posix())
        waiting += [name.rpartition(".")[0], *_imported_names((ROOT / path).read_text(encoding="utf-8"))]
    return paths


def _files_of_checkout() -> Iterator[str]:
    for folder, subfolders, files in os.walk(ROOT):
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and name != "__pycache__"]
        yield from (Path(folder, name).relative_to(ROOT).as_posix() for name in files)


def test_a_bento_has_the_modules_that_a_service_can_import_and_no_other(tmp_path: Path) -> None:
    """The patterns of bentofile.yaml choose the importable modules and the settings, so a new module needs a decision here."""
    config = BentoBuildConfig.from_bento_dir(str(ROOT))
    assert config.include is not None
    specification = BentoPathSpec(config.include, config.exclude, str(tmp_path))
    packed = set(filter(specification.includes, _files_of_checkout()))
    expected = importable_modules(ENTRY_POINTS) | SETTINGS
    assert sorted(packed - expected) == []
    assert sorted(expected - packed) == []


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A model store with a regressor, a classifier and a bundle that is not packed."""
    with bentoml_home(tmp_path_factory.mktemp("content")) as home:
        for name, contract in (("orchard", None), ("pear", classifier_contract(name="pear")), ("plum", None)):
            with bentoml.models.create(name, module=BENTOML_MODULE) as stored:
                write_bundle(Path(stored.path), contract)
        yield home


@pytest.mark.slow
def test_a_built_bento_is_as_described(store: Path, tmp_path: Path) -> None:
    """`tabento bento` packs the named bundles, and an exported Bento has no other files than code, settings and bundles."""
    command = [sys.executable, "-m", "training", "bento", "orchard", "pear"]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stdout + built.stderr
    bento = bentoml.get("tabento-orchard")
    tags = [str(bentoml.models.get(name).tag) for name in ("orchard", "pear")]
    assert [str(model.tag) for model in bento.info.all_models] == tags
    assert bento.info.args == {"model": tags[0], "models": tags[1]}
    digests = [
        hashlib.sha256(Path(bentoml.models.get(tag).path, MANIFEST_FILE).read_bytes()).hexdigest() for tag in tags
    ]
    assert bento.info.labels == {
        "project": "tabento",
        "model": "orchard",
        "model_version": tags[0].partition(":")[2],
        "models": ",".join(tags),
        "bundles": ",".join(f"sha256:{digest}" for digest in digests),
    }
    assert {env.name: env.value for env in bento.info.envs} == {
        "BENTOML_DO_NOT_TRACK": "True",
        "ORT_DISABLE_TELEMETRY": "1",
    }

    folder = tmp_path / "exported"
    bento.export(str(tmp_path / "orchard.bento"))
    subprocess.run(
        ["tar", "-xf", str(tmp_path / "orchard.bento"), "--one-top-level=exported"], cwd=tmp_path, check=True
    )
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    bundles = {file for file in files if file.startswith("models/")}
    expected_bundles = set[str]()
    for tag in tags:
        name, _, version = tag.partition(":")
        stored = Path(bentoml.models.get(tag).path)
        sealed = {path.relative_to(stored).as_posix() for path in stored.rglob("*") if path.is_file()}
        assert BENTOML_FILE in sealed
        expected_bundles |= {f"models/{name}/{version}/{file}" for file in sealed} | {f"models/{name}/latest"}
    assert bundles == expected_bundles
    code = {f"src/{path}" for path in importable_modules(ENTRY_POINTS) | SETTINGS}
    assert sorted(files - bundles) == sorted(code | PARTS_OF_BENTOML)
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert readme == yaml.safe_load((ROOT / "bentofile.yaml").read_text(encoding="utf-8"))["description"]
    packed_lock = (folder / "env/python/requirements.txt").read_text(encoding="utf-8")
    locked = (ROOT / "requirements" / "serving.txt").read_text(encoding="utf-8")
    for pattern in (r"sha256:\w+", r"^[\w.-]+==[\w.]+"):  # BentoML writes markers with other quotes
        assert set(re.findall(pattern, packed_lock, re.MULTILINE)) == set(re.findall(pattern, locked, re.MULTILINE))


@pytest.mark.slow
def test_all_packed_models_are_served(store: Path) -> None:
    """Without a setting, a Bento of two models answers for both; the first is the default, and other stored models are unknown."""
    command = [sys.executable, "-m", "training", "bento", "orchard", "pear"]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=120)
    with (
        serve_bento(Path(sys.executable), "tabento-orchard:latest", cwd=Path("/")) as server,
        httpx.Client(base_url=server.address, timeout=60) as client,
    ):
        for path, name in (("", "orchard"), ("/models/orchard", "orchard"), ("/models/pear", "pear")):
            assert client.post(f"{path}/predict", json=TREE).json()["model"] == name
        assert client.post("/models/plum/predict", json=TREE).status_code == 404
        assert [model["name"] for model in client.get("/models").json()["models"]] == ["orchard", "pear"]
