"""What the table declares is what the stages really read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import bentoml_home
from tests.training.stages.small import context_of, run, small_config
from training.config import ModelConfig
from training.stages.context import Context
from training.stages.runner import run_stages
from training.stages.state import ROOT
from training.stages.table import ALL_SECTIONS, MACHINERY, QUICK_STAGES, STAGES

LOOKED_AT: set[str] = set()


class Watched(ModelConfig):
    """A config that notes which of its sections are read."""

    def __getattribute__(self, name: str) -> Any:
        """Note the section and give it."""
        if name in ALL_SECTIONS:
            LOOKED_AT.add(name)
        return super().__getattribute__(name)


def modules_of(path: Path) -> Iterator[Path]:
    """Yield the files of this repository that a source file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            place = ROOT.joinpath(*name.split("."))
            yield from (file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file())


def imported_by(name: str) -> set[str]:
    """Return all files of the repository that a stage's module imports, directly or through others."""
    modules: set[str] = set()
    empty = ("training/__init__.py", "training/stages/__init__.py")
    waiting = [ROOT / "training" / "stages" / f"{name}.py"]
    while waiting:
        file = waiting.pop()
        relative = file.relative_to(ROOT).as_posix()
        if relative in modules or relative in (*MACHINERY, *empty):
            continue
        modules.add(relative)
        waiting += modules_of(file)
    return modules


def test_every_section_is_known() -> None:
    """The sections of the table are those of a config, each once."""
    assert sorted(ALL_SECTIONS) == sorted(ModelConfig.model_fields)


def test_inputs_are_made_by_stages_before() -> None:
    """Whatever a stage needs is among the outputs of an earlier one; so is what it may read."""
    outputs: set[str] = set()
    for stage in STAGES.values():
        missing = [name for name in stage.needs if name not in outputs]
        assert not missing, stage.name
        assert {name.partition("/")[0] for name in stage.may_read} <= {name.partition("/")[0] for name in outputs}
        assert stage.decides is None or stage.decides in stage.makes
        outputs |= {f"{stage.name}/{name}" for name in stage.makes}


@pytest.mark.parametrize("name", STAGES)
def test_all_imported_code_is_declared(name: str) -> None:
    """A change in any file that a stage imports makes it run again."""
    declared = (*STAGES[name].code, f"training/stages/{name}.py")
    missing = [
        file
        for file in sorted(imported_by(name))
        if not any(file == item or file.startswith(f"{item}/") for item in declared)
    ]
    assert missing == []


@pytest.mark.parametrize("name", STAGES)
def test_all_declared_code_is_there(name: str) -> None:
    """The table names no file that has moved away."""
    assert [item for item in (*STAGES[name].code, *MACHINERY) if not (ROOT / item).exists()] == []


def test_stages_read_only_the_sections_that_they_declare(tmp_path: Path) -> None:
    """Each stage is run with a config that records the sections it reads: no other section can change its outputs."""
    config = Watched.model_validate(small_config().model_dump())
    undeclared = {}
    with bentoml_home(tmp_path / "bentoml"):
        for name in QUICK_STAGES[:-1]:
            context = context_of(small_config(), tmp_path, name)
            LOOKED_AT.clear()
            run_stages(Context(**{**vars(context), "config": config}), force=True)
            undeclared[name] = sorted(LOOKED_AT - set(STAGES[name].sections) - {"name"})
    assert undeclared == {name: [] for name in QUICK_STAGES[:-1]}


def test_config_stage_writes_every_default(tmp_path: Path) -> None:
    """The written config has each section, so that a default that changes shows, too."""
    import yaml

    run(small_config(), tmp_path, "config")
    content = yaml.safe_load((tmp_path / "artifacts" / "orchard" / "config" / "config.yaml").read_text())
    assert list(content) == list(ModelConfig.model_fields)
    assert ModelConfig.model_validate(content) == small_config()
