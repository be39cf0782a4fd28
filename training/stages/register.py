"""The stage ``register``: pipeline and bundle go into the BentoML model store, and the bundle into the registry.

If the registry refuses the model, the store is unchanged. The model has passed its gate and becomes the challenger. The
champion does not change.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from tabento.bundle.contract import Strict
from tabento.bundle.errors import BundleError
from tabento.bundle.format import CARD_FILE, DATA_CARD_FILE, IMPORTANCES_FILE, METRICS_FILE
from tabento.bundle.manifest import Provenance
from tabento.bundle.store import Bundle, load_bundle
from tabento.errors import SaveError, TabentoError
from tabento.packaging.bundle_builder import save_proven
from tabento.packaging.examples import pick_examples
from tabento.packaging.reference import build_reference
from tabento.packaging.save import Contents, Tags, new_tags, remove
from tabento.parity import pipeline_answers
from tabento.tables.frames import to_frame, to_rows
from training.gate import GateReport
from training.model.expected_quality import fit_expected_quality
from training.model.importances import measure_importances
from training.model.metrics import bootstrap_intervals
from training.registry.provenance import fingerprint, record
from training.report.card import Findings, render_card, render_data_card
from training.stages.context import Context
from training.stages.files import write_json
from training.stages.fit import REPORT_FILE
from training.stages.outcome import Outcome
from training.stages.signing import signing_key
from training.stages.startup_check import require_startup
from training.stages.table import DECIDING

REGISTERED_FILE = "registered.json"


class RegisteredModel(Strict):
    """The content of ``registered.json``: the location of the model."""

    bundle: str
    """The bundle's tag in the BentoML model store."""
    pipeline: str
    """The fitted pipeline's tag."""
    bundle_folder: str
    """The folder of the bundle in the store."""
    report_folder: str
    """The folder of the run's report."""
    registry_version: str | None
    """The version in the registry, which is the challenger now; None if runs are not tracked."""
    run_id: str | None
    """The run in MLflow."""
    provenance: Provenance


def run(context: Context, folder: Path) -> Outcome:
    """Store and register the model, and write ``registered.json``, the cards and the report.

    Raises:
        SaveError, BundleError: it cannot be stored, or the stored bundle does not verify; nothing remains.
        RegistryError: it cannot be registered; nothing remains.
    """
    key = signing_key(context.settings)
    config, progress = context.config, context.progress
    train, (test, answers), pipeline = context.train(), context.evaluated_test_part(), context.pipeline()
    contract, decisions = context.contract(), context.fitted_decisions()
    tags = new_tags(config.name)
    provenance = record(fingerprint(config, context.origin(), decisions), context.origin(), tags.pipeline)
    with progress.step("Describe the training data and the model"):
        with threadpool_limits(limits=1):
            learned = pipeline_answers(pipeline, to_frame(to_rows(train, contract), contract), contract)
        reference = build_reference(config.contract(), train, learned)
        importances = measure_importances(config, context.model(), contract, train, test)
        truth = test[config.target.name].to_numpy(dtype=float)
        out_of_fold = context.out_of_fold_answers()
        studied = _study_results(context)
        table = contract.output.interval or contract.output.prediction_set
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
            coverage=None if table is None else table.coverage,
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
            expected_quality=fit_expected_quality(
                contract,
                to_rows(test, contract),
                answers,
                truth,
                out_of_fold=None
                if out_of_fold is None
                else (out_of_fold, train[config.target.name].to_numpy(dtype=float)),
            ),
        )
        (folder / IMPORTANCES_FILE).write_text(importances.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / CARD_FILE).write_text(contents.card, encoding="utf-8")
        (folder / DATA_CARD_FILE).write_text(contents.data_card or "", encoding="utf-8")
        write_json(folder / METRICS_FILE, contents.metrics)
    report = context.settings.runs_folder / config.name / tags.version
    with progress.step("Save and read back") as step, _report_folder(report), _remove_on_error(tags):
        _copy_report(context, folder, report)
        bundle = save_proven(
            tags,
            pipeline,
            contents,
            provenance,
            relative_max=max(config.gate.parity_relative_max, findings.parity.limits.relative),
            startup=require_startup,
            signing_key=key,
        )
        step.detail = bundle.tag
        version = _register(context, bundle)
        record_of_model = RegisteredModel(
            bundle=tags.bundle,
            pipeline=tags.pipeline,
            bundle_folder=str(bundle.path),
            report_folder=str(report),
            registry_version=version,
            run_id=context.run_id,
            provenance=provenance,
        )
        (folder / REGISTERED_FILE).write_text(record_of_model.model_dump_json(indent=2) + "\n", encoding="utf-8")
    params = {"bundle": tags.bundle, "pipeline": tags.pipeline, "registry_version": version or "none"}
    importance_metrics = {f"importance/{item.feature}": item.permutation for item in importances.top}
    importance_metrics |= {f"shap/{item.feature}": item.shap for item in importances.top}
    return Outcome(
        tags.bundle + (f", challenger, version {version}" if version else ""), params=params, metrics=importance_metrics
    )


def identity(context: Context) -> str | None:
    """Return the tag of the registered bundle if it verifies; None if it must be stored again."""
    try:
        return load_bundle(registered_model(context).bundle).tag
    except (TabentoError, BundleError, ValueError):
        return None


def registered_model(context: Context) -> RegisteredModel:
    """Return the location of the model of a workspace.

    Raises:
        TabentoError: the model has not been registered.
    """
    return RegisteredModel.model_validate_json(context.read("register/registered.json"))


def gate_report(context: Context) -> GateReport:
    """Return the report of the gate that the model has passed."""
    return GateReport.model_validate_json(context.read("gate/gate.json"))


def _study_results(context: Context) -> dict[str, Any]:
    """Return the results of the studies for the cards; empty if the studies are not part of this run."""
    sections: dict[str, Any] = {}
    has_all_decisions = context.plan.chain == DECIDING
    study, table, best_params = (
        context.workspace.path(name) for name in ("study/study.json", "select/table.md", "sweep/best_params.yaml")
    )
    if (has_all_decisions or "study" in context.plan.steps) and study.is_file():
        findings = json.loads(study.read_bytes())["findings"]
        sections["warnings"] = tuple(item["text"] for item in findings if item["level"] == "warning")
    if "select" in context.plan.chain and table.is_file():
        sections["selection"] = table.read_text(encoding="utf-8")
    if "sweep" in context.plan.chain and best_params.is_file():
        lines = best_params.read_text(encoding="utf-8").splitlines()
        sections["sweep"] = " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    return sections


def _register(context: Context, bundle: Bundle) -> str | None:
    """Make the bundle the challenger and return its version; None if the run is not tracked or is recorded later."""
    if not context.settings.tracking or context.record_later:
        return None
    return enter_version(context, bundle, context.run_id)


def enter_version(context: Context, bundle: Bundle, run_id: str | None) -> str:
    """Make a stored bundle the challenger, unless it is registered already, and return its version in the registry.

    Raises:
        RegistryError, TrackingError: it cannot be registered.
    """
    # Imported here, because the import of MLflow takes seconds.
    from training.registry import Registry, RegistryError

    registry = Registry(context.settings)
    if context.record_later:
        # The registry has no model before its first version.
        with suppress(RegistryError):
            for version in registry.versions(bundle.name):
                if version.bundle_tag == bundle.tag:
                    return str(version.number)
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
    """Copy the files for readers into the report of the run: metrics, cards, the plot, the gate's pages."""
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
def _remove_on_error(tags: Tags) -> Iterator[None]:
    """Remove a stored model from the store if the block fails."""
    try:
        yield
    except BaseException:
        for tag in (tags.bundle, tags.pipeline):
            remove(tag)
        raise


@contextmanager
def _report_folder(folder: Path) -> Iterator[None]:
    """Create the folder of a run's report, and remove it if the block fails.

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
