"""The runner: it runs stages in their order if their inputs changed, and prints a summary."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from tabento.errors import SaveError, TabentoError
from training.progress import Progress
from training.stages.background_stage import PARALLEL_STAGES, BackgroundStage, one_process
from training.stages.context import Context, decisions_file, missing_input
from training.stages.durations import Durations
from training.stages.gate import begin_refits
from training.stages.outcome import Outcome
from training.stages.recording import Recorder
from training.stages.state import is_current, stage_key, write_state
from training.stages.table import RESOLVED, STAGES, Stage

UNCHANGED = "unchanged"
_CORES = "LOKY_MAX_CPU_COUNT"
"""The variable with the number of processes that joblib may use."""


@dataclass(frozen=True)
class FinishedStage:
    """A stage that has ended or was skipped."""

    name: str
    detail: str
    seconds: float
    ran: bool
    """False if nothing had changed."""


def run_stages(context: Context, *, force: bool | Container[str] = False) -> list[FinishedStage]:
    """Run the stages of a context's plan.

    Args:
        context: config, workspace and plan.
        force: whether unchanged stages run as well, or the names of such stages.

    Returns:
        The stages in order.

    Raises:
        TabentoError: an input of another stage is missing.
        Exception: the error of the stage; its former outputs are unchanged.
    """
    done: list[FinishedStage] = []
    recorder = Recorder(context)
    durations = Durations(context.settings.runs_folder, context.config)
    if expected := durations.expect_all(context.plan.steps):
        context.progress.say(expected)
    failed = True
    steps = context.plan.steps
    background: BackgroundStage | None = None
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
                    and PARALLEL_STAGES.get(name) == following
                    and (is_forced or not _is_unchanged(context, STAGES[name]))
                ):
                    context.progress.say(f"{head}: {STAGES[name].title}, in parallel with {following}{expected}")
                    background = BackgroundStage(context, name, head, process)
                    continue
                with _collecting(background, context, recorder, done):
                    stage_context = replace(context, run_id=recorder.run_id)
                    result = _run(stage_context, STAGES[name], head, recorder, expected, force=is_forced)
                background = None
                done.append(result)
        failed = False
    finally:
        context.refits.stop()
        recorder.finish(failed=failed)
        durations.record({item.name: item.seconds for item in done if item.ran})
    return done


def report_stages(done: list[FinishedStage], progress: Progress) -> None:
    """Print the stages with their times and outcomes."""
    total = sum(item.seconds for item in done)
    rows = [(item.name, f"{item.seconds:.1f} s" if item.ran else UNCHANGED, item.detail) for item in done]
    rows.append(("total", f"{total:.1f} s", ""))
    width = max(len(name) for name, _, _ in rows)
    progress.listing("Stages", [(f"{name:<{width}}  {took:>9}", detail) for name, took, detail in rows])


@contextmanager
def _collecting(
    background: BackgroundStage | None, context: Context, recorder: Recorder, done: list[FinishedStage]
) -> Iterator[None]:
    """Run a stage in the block, then finish the background stage, also if the stage in the block failed."""
    if background is None:
        yield
        return

    def finish() -> None:
        current = replace(context, run_id=recorder.run_id)
        stage = STAGES[background.name]
        done.append(_run(current, stage, background.head, recorder, "", force=True, compute=background.collect))

    try:
        try:
            yield
        except Exception as error:
            try:
                finish()
            except TabentoError as background_error:
                # The run ends with the error of the stage in the block. A warning reports the other error.
                error.add_note(f"The stage {background.name}, in parallel with it, failed too: {background_error}")
                context.progress.warn(f"The stage {background.name} failed too: {background_error}")
            raise
        finish()
    finally:
        background.remove_folder()


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
) -> FinishedStage:
    """Run a stage, unless nothing has changed; ``compute`` replaces the stage's function if the stage ran in another process."""
    _require_inputs(context, stage)
    module = import_module(f"training.stages.{stage.name}")
    started_s = time.monotonic()
    outside = module.identity(context) if stage.looks_outside else ""
    if not force and outside is not None and is_current(stage, context, stage_key(stage, context, outside)):
        context.progress.say(f"{head}: unchanged since it last ran, skipped")
        return FinishedStage(stage.name, "", time.monotonic() - started_s, ran=False)
    context.progress.say(f"{head}: {stage.title}{expected}" if compute is None else f"{head}: results")
    recorder.open(stage.name)
    if stage.name == "fit" and "gate" in context.plan.steps:
        begin_refits(context)
    context = replace(context, run_id=recorder.run_id)
    with context.workspace.writing(stage.name) as folder, recorder.stage(stage.name, folder):
        outcome: Outcome = (compute or module.run)(context, folder)
        missing = [name for name in stage.makes if not (folder / name).is_file()]
        if missing:
            raise SaveError(
                f"the stage {stage.name} has not written {', '.join(missing)}. Nothing was changed. Report this error."
            )
        recorder.report(outcome)
    context.outcomes[stage.name] = outcome
    outside = module.identity(context) if stage.looks_outside else ""
    if outside is not None:
        write_state(stage, context.workspace.folder(stage.name), stage_key(stage, context, outside))
    return FinishedStage(stage.name, outcome.detail, time.monotonic() - started_s, ran=True)


def _require_inputs(context: Context, stage: Stage) -> None:
    """Raise an error if an input of a stage is missing.

    Raises:
        TabentoError: an input is missing; the message names it, the stage that makes it and the command.
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
    """Set the number of processes of cross-validations; None uses joblib's default."""
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
