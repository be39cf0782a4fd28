"""The state of a stage: one checksum of its inputs. If the checksum is unchanged, the stage need not run again.

It covers the sections of the config that the stage reads, its input files, its decisions, its code, the libraries, and its
external inputs. It is stored in ``stage.json`` next to the outputs, with their checksums: files that were changed by hand are
made again.
"""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from pathlib import Path

import training
from tabento.bundle.checksums import code_sha256, file_sha256
from tabento.bundle.contract import Strict
from tabento.bundle.json_text import canonical_json
from training.registry.provenance import library_versions
from training.stages.context import Context
from training.stages.table import Stage
from training.stages.workspace import STATE_FILE

ROOT = Path(training.__file__).parents[1]
"""The folder of the packages: the top of a checkout, or the folder of the installation."""


class State(Strict):
    """The content of ``stage.json``."""

    stage: str
    key: str
    """The checksum of the inputs."""
    outputs: dict[str, str]
    """The sha256 of each file in the folder, by its path in it."""


def stage_key(stage: Stage, context: Context, outside: str | None) -> str:
    """Return the checksum of the inputs of a stage, which must exist.

    Args:
        stage: the stage.
        context: config, workspace and plan of the run.
        outside: the identity of the external input, see ``Stage.looks_outside``.
    """
    content = {
        "stage": stage.name,
        "config": context.config.model_dump(mode="json", include=set(stage.sections)),
        "inputs": {name: file_sha256(context.workspace.path(name)) for name in stage.needs},
        "chain": context.plan.chain if stage.may_read else None,
        "read": {
            name: file_sha256(path) for name in stage.may_read if (path := context.workspace.path(name)).is_file()
        },
        "decisions": context.decisions_before(stage.name).model_dump(mode="json") if stage.takes_decisions else None,
        "outside": outside,
        "code": _code_sha256((*stage.code, f"training/stages/{stage.name}.py")),
        "versions": library_versions(),
        # Rounding differs between the vector units of architectures.
        "machine": platform.machine(),
    }
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def is_current(stage: Stage, context: Context, key: str) -> bool:
    """Return whether a stage's folder was made from the same inputs and is unchanged."""
    folder = context.workspace.folder(stage.name)
    try:
        state = State.model_validate_json((folder / STATE_FILE).read_bytes())
    except (OSError, ValueError):
        return False
    return state.key == key and state.outputs == _outputs(folder)


def write_state(stage: Stage, folder: Path, key: str) -> None:
    """Store the checksum of the inputs with the checksums of the outputs."""
    state = State(stage=stage.name, key=key, outputs=_outputs(folder))
    (folder / STATE_FILE).write_text(state.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _outputs(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != STATE_FILE]
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}


@cache
def _code_sha256(paths: tuple[str, ...]) -> str:
    """Return the checksum of source files below ``ROOT``. They are read once in a process, as Python imports them once."""
    return code_sha256(ROOT, paths)
