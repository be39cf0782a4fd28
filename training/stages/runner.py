"""The runner: stages in their order, each only where something changed, with what was done in a table at the end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from training.durations import Durations
from training.errors import SaveError, TrainingError
from training.progress import Progress
from training.stages.context import Context, decisions_file, missing_input
from training.stages.gate import begin_refits
from training.stages.outcome import Outcome
from training.stages.recording import Recorder
from training.stages.side_by_side import BESIDE, BesideStage, one_process
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


def run_stages(context: Context, *, force: bool | Container[str] = False) -> list[Done]:
    """Run the stages of a context's plan.

    Args:
        context: config, workspace and plan.
        force: whether stages run that are unchanged, too; or the names of those that do.

    Returns:
        What was done, in order.

    Raises:
        TrainingError: an input is missing that another stage makes.
        Exception: what the stage raises; its former outputs are as they were.
    """
    done: list[Done] = []
    recorder = Recorder(context)
    durations = Durations(context.settings.runs_folder, context.config)
    if expected := durations.expect_all(context.plan.steps):
        context.progress.say(expected)
    failed = True
    steps = context.plan.steps
    beside: BesideStage | None = None
    pool = one_process() if context.settings.parallel else nullcontext()
    try:
        with context.workspace.locked(), _cores(context.settings.jobs), pool as process:
            for position, name in enumerate(steps, start=1):
                is_forced = force if isinstance(force, bool) else name in force
                head = f"[{position}/{len(steps)}] {name}"
                expected = durations.expect(name)
                if RESOLVED in STAGES[name].needs:
                    context = replace(context, config=context.resolved())
                following = steps[position] if position < len(steps) else None
                if (
                    process is not None
                    and following is not None
                    and BESIDE.get(name) == following
                    and (is_forced or not _is_unchanged(context, STAGES[name]))
                ):
                    context.progress.say(f"{head}: {STAGES[name].title}, side by side with {following}{expected}")
                    beside = BesideStage(context, name, head, process)
                    continue
                with _collecting(beside, context, recorder, done):
                    here = replace(context, run_id=recorder.run_id)
                    result = _run(here, STAGES[name], head, recorder, expected, force=is_forced)
                beside = None
                done.append(result)
        failed = False
    finally:
        context.refits.stop()
        recorder.finish(failed=failed)
        durations.record({item.name: item.seconds for item in done if item.ran})
    return done


def tell(done: list[Done], progress: Progress) -> None:
    """Show what was done, stage by stage."""
    total = sum(item.seconds for item in done)
    rows = [(item.name, f"{item.seconds:.1f} s" if item.ran else UNCHANGED, item.detail) for item in done]
    rows.append(("total", f"{total:.1f} s", ""))
    width = max(len(name) for name, _, _ in rows)
    progress.listing("Stages", [(f"{name:<{width}}  {took:>9}", detail) for name, took, detail in rows])


@contextmanager
def _collecting(beside: BesideStage | None, context: Context, recorder: Recorder, done: list[Done]) -> Iterator[None]:
    """Run a stage, and then finish the one that ran side by side with it, whether or not the first has failed."""
    if beside is None:
        yield
        return

    def finish() -> None:
        current = replace(context, run_id=recorder.run_id)
        stage = STAGES[beside.name]
        done.append(_run(current, stage, beside.head, recorder, "", force=True, compute=beside.collect))

    try:
        try:
            yield
        except Exception as error:
            try:
                finish()
            except TrainingError as other:
                # The run ends with the error of the stage that was in front; the other one is told as well.
                error.add_note(f"The stage {beside.name}, side by side with it, failed too: {other}")
                context.progress.warn(f"The stage {beside.name} failed too: {other}")
            raise
        finish()
    finally:
        beside.clear()


def _is_unchanged(context: Context, stage: Stage) -> bool:
    _require_inputs(context, stage)
    return is_current(stage, context, stage_key(stage, context, ""))


def _run(
    context: Context,
    stage: Stage,
    head: str,
    recorder: Recorder,
    expected: str,
    *,
    force: bool,
    compute: Callable[[Context, Path], Outcome] | None = None,
) -> Done:
    """Run a stage, unless nothing has changed; ``compute`` stands for the stage's own function if that ran elsewhere."""
    _require_inputs(context, stage)
    module = import_module(f"training.stages.{stage.name}")
    began = time.monotonic()
    outside = module.identity(context) if stage.looks_outside else ""
    if not force and outside is not None and is_current(stage, context, stage_key(stage, context, outside)):
        context.progress.say(f"{head}: unchanged since it last ran, skipped")
        return Done(stage.name, "", time.monotonic() - began, ran=False)
    context.progress.say(f"{head}: {stage.title}{expected}" if compute is None else f"{head}: what it found")
    recorder.open(stage.name)
    if stage.name == "fit" and "gate" in context.plan.steps:
        begin_refits(context)
    context = replace(context, run_id=recorder.run_id)
    with context.workspace.writing(stage.name) as folder, recorder.stage(stage.name, folder):
        outcome: Outcome = (compute or module.run)(context, folder)
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
