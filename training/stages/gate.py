"""The stage ``gate``: a model that misses a limit goes no further."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from joblib import cpu_count

from bundle.store import load_bundle
from training.gate import GateInput, run_gate
from training.gate.ahead import ROWS_MIN
from training.gate.summary import summary_line
from training.stages.context import Context
from training.stages.outcome import Outcome


def run(context: Context, folder: Path) -> Outcome:
    """Write the gate's report.

    Raises:
        GateError: the model misses a limit; the report is kept beside the stage's folder.
        RegistryError: who the champion is cannot be found out.
    """
    test, answers = context.judged()
    given = GateInput(
        config=context.config,
        decisions=context.fitted_decisions(),
        train=context.train(),
        test=test,
        pipeline=context.pipeline(),
        model=context.model(),
        contract=context.contract(),
        metrics=context.metrics(),
        answers=answers,
        parity=context.parity(),
        latency=context.latency(),
        champion_tag=rival(context),
        data_sha256=context.origin().sha256,
        folder=folder,
    )
    report = run_gate(given, context.progress, context.refits.take())
    context.progress.say(summary_line(report))
    for check in report.undecided:
        context.progress.warn(check.in_words())
    report.require()
    return Outcome(f"{len(report.judged)} checks passed", params={"champion": given.champion_tag or "none"})


def begin_refits(context: Context) -> None:
    """Let another process make the refits while the model is fitted, if the data is large enough for that to save time.

    The stage ``validate`` has written the training part; what is about to be fitted is decided.
    """
    train_file = context.workspace.path("validate/train.parquet")
    if len(pd.read_parquet(train_file, columns=[])) >= ROWS_MIN:
        decisions = context.decisions_before("fit")
        context.refits.start(context.config, decisions, train_file, context.settings.jobs or cpu_count())


def rival(context: Context) -> str | None:
    """Return the champion that the model has to stand up to: one that has learned from the same kind of data.

    Next to a champion of real data a model of made-up rows is for trying things out, and the other way round there is
    nothing to lose: neither says anything about the other, and a warning tells so.

    Raises:
        RegistryError: the registry cannot be reached.
        BundleError: the champion's bundle does not verify.
    """
    tag = champion_tag(context)
    if tag is None:
        return None
    theirs, ours = load_bundle(tag).manifest.provenance.data, context.origin().kind
    if theirs == ours:
        return tag
    context.progress.warn(f"The champion {tag} has learned from {theirs} data, this model from {ours}: not compared.")
    return None


def identity(context: Context) -> str:
    """Return the champion with which the model is compared."""
    return champion_tag(context, fetch=False) or "none"


def champion_tag(context: Context, *, fetch: bool = True) -> str | None:
    """Return the tag of the bundle in service; None where there is none, or where nothing is tracked.

    Args:
        context: the run.
        fetch: whether it is brought into the local store where that lacks it.

    Raises:
        RegistryError: the registry cannot be reached.
    """
    if not context.settings.tracking:
        return None
    from training.tracking.place import is_absent, tracking_uri

    if is_absent(tracking_uri(context.settings)):
        return None
    from training.registry import Registry  # only where it is asked: MLflow takes seconds to import

    registry = Registry(context.settings)
    champion = registry.champion(context.config.name)
    if champion is None:
        return None
    return registry.ensure_local(champion.bundle_tag) if fetch else champion.bundle_tag
