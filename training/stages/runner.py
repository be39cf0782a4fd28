"""The runner: stages in their order, each only where something changed, with what was done in a table at the end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module

from training.errors import SaveError
from training.progress import Progress
from training.stages.context import Context, decisions_file, missing_input
from training.stages.outcome import Outcome
from training.stages.recording import Recorder
from training.stages.state import is_current, stage_key, write_state
from training.stages.table import RESOLVED, STAGES, Stage

UNCHANGED = "unchanged"
_CORES = "LOKY_MAX_CPU_COUNT"
"""What joblib asks how many processes may run."""


@dataclass(frozen=True)
class Done:
    """A stage that has ended, or did not have to begin."""

    name: str
    detail: str
    seconds: float
    ran: bool
    """False where nothing had changed."""


def run_stages(context: Context, *, force: bool = False) -> list[Done]:
    """Run the stages of a context's plan.

    Args:
        context: config, workspace and plan.
        force: whether stages run that are unchanged, too.

    Returns:
        What was done, in order.

    Raises:
        TrainingError: an input is missing that another stage makes.
        Exception: what the stage raises; its former outputs are as they were.
    """
    done: list[Done] = []
    recorder = Recorder(context)
    failed = True
    try:
        with context.workspace.locked(), _cores(context.settings.jobs):
            for position, name in enumerate(context.plan.steps, start=1):
                head = f"[{position}/{len(context.plan.steps)}] {name}"
                if RESOLVED in STAGES[name].needs:
                    context = replace(context, config=context.resolved())
                done.append(_run(replace(context, run_id=recorder.run_id), STAGES[name], head, recorder, force=force))
        failed = False
    finally:
        recorder.finish(failed=failed)
    return done


def tell(done: list[Done], progress: Progress) -> None:
    """Show what was done, stage by stage."""
    total = sum(item.seconds for item in done)
    rows = [(item.name, f"{item.seconds:.1f} s" if item.ran else UNCHANGED, item.detail) for item in done]
    rows.append(("total", f"{total:.1f} s", ""))
    width = max(len(name) for name, _, _ in rows)
    progress.listing("Stages", [(f"{name:<{width}}  {took:>9}", detail) for name, took, detail in rows])


def _run(context: Context, stage: Stage, head: str, recorder: Recorder, *, force: bool) -> Done:
    _require_inputs(context, stage)
    module = import_module(f"training.stages.{stage.name}")
    began = time.monotonic()
    outside = module.identity(context) if stage.looks_outside else ""
    if not force and outside is not None and is_current(stage, context, stage_key(stage, context, outside)):
        context.progress.say(f"{head}: unchanged since it last ran, skipped")
        return Done(stage.name, "", time.monotonic() - began, ran=False)
    context.progress.say(f"{head}: {stage.title}")
    recorder.open(stage.name)
    context = replace(context, run_id=recorder.run_id)
    with context.workspace.writing(stage.name) as folder, recorder.stage(stage.name, folder):
        outcome: Outcome = module.run(context, folder)
        missing = [name for name in stage.makes if not (folder / name).is_file()]
        if missing:
            raise SaveError(
                f"the stage {stage.name} has not written {', '.join(missing)}. Nothing was changed; report it."
            )
        recorder.told(outcome)
    context.outcomes[stage.name] = outcome
    outside = module.identity(context) if stage.looks_outside else ""
    if outside is not None:
        write_state(stage, context.workspace.folder(stage.name), stage_key(stage, context, outside))
    return Done(stage.name, outcome.detail, time.monotonic() - began, ran=True)


def _require_inputs(context: Context, stage: Stage) -> None:
    """Refuse to begin a stage whose inputs are not there.

    Raises:
        TrainingError: with the first that is missing, the stage that makes it and the command.
    """
    needs = list(stage.needs)
    source = context.plan.source_of(stage.name) if stage.takes_decisions else None
    if source is not None:
        needs.append(decisions_file(source))
    for name in needs:
        path = context.workspace.path(name)
        if not path.is_file():
            raise missing_input(name, path)


@contextmanager
def _cores(jobs: int | None) -> Iterator[None]:
    """Let cross-validations use so many processes; None leaves it to the machine."""
    before = os.environ.get(_CORES)
    if jobs is not None:
        os.environ[_CORES] = str(jobs)
    try:
        yield
    finally:
        if jobs is not None:
            if before is None:
                del os.environ[_CORES]
            else:
                os.environ[_CORES] = before
