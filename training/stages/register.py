"""The stage ``register``: pipeline and bundle go into the BentoML model store, and the bundle into the registry.

Both or nothing: where the registry refuses, the store is as it was. A model that comes here has passed its gate and
becomes the challenger; who is in service does not change by it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from bundle.contract import Strict
from bundle.errors import BundleError
from bundle.format import CARD_FILE, DATA_CARD_FILE, IMPORTANCES_FILE, METRICS_FILE
from bundle.manifest import Provenance
from bundle.store import Bundle, load_bundle
from training.card import Findings, render_card, render_data_card
from training.errors import SaveError, TrainingError
from training.examples import pick_examples
from training.frames import to_frame, to_rows
from training.gate import GateReport
from training.importances import measure_importances
from training.metrics import bootstrap_intervals
from training.parity import pipeline_answers
from training.provenance import fingerprint, record
from training.read_back import check_examples
from training.reference import build_reference
from training.save import Contents, Tags, new_tags, remove, save
from training.stages.context import Context
from training.stages.files import write_json
from training.stages.fit import REPORT_FILE
from training.stages.outcome import Outcome
from training.stages.table import DECIDING

REGISTERED_FILE = "registered.json"


class Registered(Strict):
    """The content of ``registered.json``: where the model is."""

    bundle: str
    """The bundle's tag in the BentoML model store."""
    pipeline: str
    """The fitted pipeline's tag."""
    bundle_folder: str
    """Where the store keeps the bundle."""
    report_folder: str
    """Where the run's report is."""
    registry_version: str | None
    """The version in the registry, which is the challenger now; None where nothing is tracked."""
    run_id: str | None
    """The run in MLflow."""
    provenance: Provenance


def run(context: Context, folder: Path) -> Outcome:
    """Store and register the model, and write ``registered.json``, the cards and the report.

    Raises:
        SaveError, BundleError: it cannot be stored, or what is stored does not verify; nothing remains.
        RegistryError: it cannot be registered; nothing remains.
    """
    config, progress = context.config, context.progress
    train, (test, answers), pipeline = context.train(), context.judged(), context.pipeline()
    contract, decisions = context.contract(), context.fitted_decisions()
    tags = new_tags(config.name)
    provenance = record(fingerprint(config, context.origin(), decisions), context.origin(), tags.pipeline)
    with progress.step("Describe the training data and the model"):
        with threadpool_limits(limits=1):
            learned = pipeline_answers(pipeline, to_frame(to_rows(train, contract), contract), contract)
        reference = build_reference(config, train, learned)
        importances = measure_importances(config, context.model(), contract, train, test)
        truth = test[config.target.name].to_numpy(dtype=float)
        studied = _studied(context)
        findings = Findings(
            tag=tags.bundle,
            provenance=provenance,
            train_rows=len(train),
            test_rows=len(test),
            metrics=context.metrics(),
            parity=context.parity(),
            latency=context.latency(),
            gate=gate_report(context),
            intervals=bootstrap_intervals(config, truth, answers),
            decisions=decisions,
            threshold=contract.output.threshold,
            reference=reference,
            importances=importances,
            **studied,
        )
        contents = Contents(
            model=context.model(),
            contract=contract,
            reference=reference,
            examples=pick_examples(test, answers, contract),
            latency=findings.latency,
            metrics={**findings.metrics, "train_rows": len(train), "test_rows": len(test)},
            parity=findings.parity,
            card=render_card(config, findings),
            data_card=render_data_card(config, findings),
            importances=importances,
        )
        (folder / IMPORTANCES_FILE).write_text(importances.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / CARD_FILE).write_text(contents.card, encoding="utf-8")
        (folder / DATA_CARD_FILE).write_text(contents.data_card or "", encoding="utf-8")
        write_json(folder / METRICS_FILE, contents.metrics)
    report = context.settings.runs_folder / config.name / tags.version
    with progress.step("Save and read back") as step, _report(report), _undone(tags):
        _copy_report(context, folder, report)
        limit = max(config.gate.parity_relative_max, findings.parity.limits.relative)
        bundle = save(tags, pipeline, contents, provenance, lambda stored: check_examples(stored, pipeline, limit))
        step.detail = bundle.tag
        version = _register(context, bundle)
        registered = Registered(
            bundle=tags.bundle,
            pipeline=tags.pipeline,
            bundle_folder=str(bundle.path),
            report_folder=str(report),
            registry_version=version,
            run_id=context.run_id,
            provenance=provenance,
        )
        (folder / REGISTERED_FILE).write_text(registered.model_dump_json(indent=2) + "\n", encoding="utf-8")
    params = {"bundle": tags.bundle, "pipeline": tags.pipeline, "registry_version": version or "none"}
    told = {f"importance/{item.feature}": item.permutation for item in importances.top}
    told |= {f"shap/{item.feature}": item.shap for item in importances.top}
    return Outcome(tags.bundle + (f", challenger, version {version}" if version else ""), params=params, metrics=told)


def identity(context: Context) -> str | None:
    """Return whether what was registered is still there and whole; None where it has to be stored anew."""
    try:
        return load_bundle(registered(context).bundle).tag
    except (TrainingError, BundleError, ValueError):
        return None


def registered(context: Context) -> Registered:
    """Return where the model of a workspace is.

    Raises:
        TrainingError: it has not been registered.
    """
    return Registered.model_validate_json(context.read("register/registered.json"))


def gate_report(context: Context) -> GateReport:
    """Return the report of the gate that the model has passed."""
    return GateReport.model_validate_json(context.read("gate/gate.json"))


def _studied(context: Context) -> dict[str, Any]:
    """Return what the studies have found, for the cards; nothing where they are no part of this run."""
    said: dict[str, Any] = {}
    whole = context.plan.chain == DECIDING
    study, table, swept = (
        context.workspace.path(name) for name in ("study/study.json", "select/table.md", "sweep/best_params.yaml")
    )
    if (whole or "study" in context.plan.steps) and study.is_file():
        found = json.loads(study.read_bytes())["findings"]
        said["warnings"] = tuple(item["text"] for item in found if item["level"] == "warning")
    if "select" in context.plan.chain and table.is_file():
        said["selection"] = table.read_text(encoding="utf-8")
    if "sweep" in context.plan.chain and swept.is_file():
        lines = swept.read_text(encoding="utf-8").splitlines()
        said["sweep"] = " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    return said


def _register(context: Context, bundle: Bundle) -> str | None:
    """Make the bundle the challenger, and return its version in the registry; None where nothing is tracked, or later."""
    if not context.settings.tracking or context.record_later:
        return None
    return enter_version(context, bundle, context.run_id)


def enter_version(context: Context, bundle: Bundle, run_id: str | None) -> str:
    """Make a stored bundle the challenger, unless it is registered already, and return its version in the registry.

    Raises:
        RegistryError, TrackingError: it cannot be registered.
    """
    # Only where it is wanted: MLflow takes seconds to import.
    from training.registry import Registry, RegistryError

    registry = Registry(context.settings)
    if context.record_later:
        # A model of which no version is registered is not known at all.
        with suppress(RegistryError):
            for known in registry.versions(bundle.name):
                if known.bundle_tag == bundle.tag:
                    return str(known.number)
    provenance, decisions = bundle.manifest.provenance, context.fitted_decisions()
    version = registry.register(
        name=bundle.name,
        bundle_tag=bundle.tag,
        pipeline_tag=provenance.pipeline_tag,
        run_id=run_id,
        metrics=context.metrics(),
        tags={
            "algorithm": decisions.estimator.kind,
            "task": context.config.task,
            "n_features": str(len(decisions.columns)),
            "data_kind": provenance.data,
            "data_sha256": provenance.data_sha256,
            "fingerprint": provenance.fingerprint,
            "git_commit": provenance.git_commit or "unknown",
            "decided_by": context.plan.source_of("fit") or "config",
        },
        description_markdown=bundle.card,
        bundle_folder=bundle.path,
    )
    return str(version.number)


def _copy_report(context: Context, folder: Path, report: Path) -> None:
    """Put what people look at into the report of the run: figures, cards, the plot, the gate's pages."""
    for name in (CARD_FILE, DATA_CARD_FILE, METRICS_FILE, IMPORTANCES_FILE):
        shutil.copyfile(folder / name, report / name)
    shutil.copyfile(context.workspace.path(f"fit/{REPORT_FILE}"), report / REPORT_FILE)
    shutil.copytree(
        context.workspace.folder("gate"),
        report / "gate",
        ignore=shutil.ignore_patterns("stage.json"),
        dirs_exist_ok=True,
    )


@contextmanager
def _undone(tags: Tags) -> Iterator[None]:
    """Take a stored model out of the store again where what follows fails."""
    try:
        yield
    except BaseException:
        for tag in (tags.bundle, tags.pipeline):
            remove(tag)
        raise


@contextmanager
def _report(folder: Path) -> Iterator[None]:
    """Make the folder of a run's report; without a bundle there is no report either.

    Raises:
        SaveError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True)
        yield
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise SaveError(
                f"the report of the run could not be written to {folder}: {error.strerror or error}."
                " Nothing was saved. Choose another folder with --runs-folder."
            ) from error
        raise
