"""The stage ``gate``: a model that misses a limit is not registered."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from joblib import cpu_count

from tabento.bundle.store import load_bundle
from training.gate import GateInput, run_gate
from training.gate.background_refits import ROWS_MIN
from training.gate.summary import summary_line
from training.report.gate.pages import write_report
from training.stages.context import Context
from training.stages.outcome import Outcome


def run(context: Context, folder: Path) -> Outcome:
    """Write the gate's report.

    Raises:
        GateError: the model misses a limit; the report is stored next to the stage's folder.
        RegistryError: the registry cannot be read for the champion.
    """
    test, answers = context.evaluated_test_part()
    gate_input = GateInput(
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
    )
    report = run_gate(gate_input, context.progress, context.refits.take())
    write_report(context.config, report, folder, gate_input.latency)
    context.progress.say(summary_line(report))
    for check in report.undecided:
        context.progress.warn(check.in_words())
    report.require()
    return Outcome(
        f"{len(report.limited_checks)} checks passed", params={"champion": gate_input.champion_tag or "none"}
    )


def begin_refits(context: Context) -> None:
    """Start the refits in another process while the model is fitted, if the data is large enough to save time.

    The stage ``validate`` has written the training part, and the decisions of the fit are known.
    """
    train_file = context.workspace.path("validate/train.parquet")
    if len(pd.read_parquet(train_file, columns=[])) >= ROWS_MIN:
        decisions = context.decisions_before("fit")
        context.refits.start(context.config, decisions, train_file, context.settings.jobs or cpu_count())


def rival(context: Context) -> str | None:
    """Return the champion with which the model is compared, if it was trained on the same kind of data.

    A model of real data and a model of synthetic data are not compared, because neither result says anything about the other.
    A warning reports this.

    Raises:
        RegistryError: the registry cannot be reached.
        BundleError: the champion's bundle does not verify.
    """
    tag = champion_tag(context)
    if tag is None:
        return None
    champion_data, model_data = load_bundle(tag).manifest.provenance.data, context.origin().kind
    if champion_data == model_data:
        return tag
    context.progress.warn(
        f"The champion {tag} was trained on {champion_data} data, this model on {model_data} data: they are not compared."
    )
    return None


def identity(context: Context) -> str:
    """Return the champion with which the model is compared."""
    return champion_tag(context, fetch=False) or "none"


def champion_tag(context: Context, *, fetch: bool = True) -> str | None:
    """Return the tag of the bundle in service; None if no bundle is in service or runs are not tracked.

    Args:
        context: the run.
        fetch: whether the bundle is fetched into the local store if it is missing there.

    Raises:
        RegistryError: the registry cannot be reached.
    """
    if not context.settings.tracking:
        return None
    from training.registry.tracking.place import is_absent, tracking_uri

    if is_absent(tracking_uri(context.settings)):
        return None
    from training.registry import Registry  # imported here, because the import of MLflow takes seconds

    registry = Registry(context.settings)
    champion = registry.champion(context.config.name)
    if champion is None:
        return None
    return registry.ensure_local(champion.bundle_tag) if fetch else champion.bundle_tag
