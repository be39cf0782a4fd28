"""What a stage was made from, as one checksum: where it is unchanged, the stage need not run again.

It covers the sections of the config that the stage reads, its input files, its decisions, its code, the libraries, and
what it looks at outside. It is kept in ``stage.json`` beside the outputs, with their checksums: files that were changed
by hand are made anew.
"""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path

from bundle.contract import Strict
from training.provenance import library_versions
from training.stages.checksums import code_sha256, file_sha256
from training.stages.context import Context
from training.stages.table import Stage
from training.stages.workspace import STATE_FILE


class State(Strict):
    """The content of ``stage.json``."""

    stage: str
    key: str
    """What it was made from."""
    outputs: dict[str, str]
    """The sha256 of each file in the folder, by its path in it."""


def stage_key(stage: Stage, context: Context, outside: str | None) -> str:
    """Return the checksum over all that a stage is made from; its inputs must be there.

    Args:
        stage: which.
        context: config, workspace and plan of the run.
        outside: what the stage sees outside, see ``Stage.looks_outside``.
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
        "code": code_sha256((*stage.code, f"training/stages/{stage.name}.py")),
        "versions": library_versions(),
        # Rounding differs between the vector units of architectures.
        "machine": platform.machine(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def is_current(stage: Stage, context: Context, key: str) -> bool:
    """Say whether a stage's folder was made from the same, and is as it was made."""
    folder = context.workspace.folder(stage.name)
    try:
        state = State.model_validate_json((folder / STATE_FILE).read_bytes())
    except (OSError, ValueError):
        return False
    return state.key == key and state.outputs == _outputs(folder)


def write_state(stage: Stage, folder: Path, key: str) -> None:
    """Seal a stage's outputs with what they were made from."""
    state = State(stage=stage.name, key=key, outputs=_outputs(folder))
    (folder / STATE_FILE).write_text(state.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _outputs(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != STATE_FILE]
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}
