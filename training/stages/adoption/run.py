"""An import: from a file and a sample to a stored, checked bundle.

``pipeline_file`` loads the pipeline and names its columns. ``agreed_config`` reads or infers the config and checks it.
``tabento.packaging.bundle_builder`` exports, proves and times the graph. ``own_version`` compares it with the version that
fitted the pipeline. After the gate the bundle is saved with its card, and answers its own examples.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from tabento.adopt.column_names import keeps_column_names
from tabento.adopt.columns import ColumnFacts, drops_by_name
from tabento.adopt.contract_check import without_warnings
from tabento.adopt.errors import AdoptionError
from tabento.adopt.load import LoadedPipeline, naming_version
from tabento.adopt.sample import Sample, agreed_columns, read_sample, true_answers
from tabento.adopt.served_answers import require_servable, row_as_sent
from tabento.adopt.versions.version_comparison import Environments, environment_for
from tabento.bundle.contract import Strict
from tabento.bundle.signing_key import SigningKey
from tabento.export.tracing import trusted_functions
from tabento.packaging.bundle_builder import BundleBuilder, ProvenGraph, save_proven
from tabento.packaging.examples import pick_examples
from tabento.packaging.reference import describe
from tabento.packaging.save import Contents, new_tags
from tabento.tables.frames import to_frame, to_rows
from training.config.settings import TrainingSettings
from training.data.loader import Dataset
from training.gate import GateReport, check_gate
from training.progress import Progress
from training.registry.provenance import fingerprint, record
from training.stages.adoption.agreed_config import AgreedConfig, agree_on_config
from training.stages.adoption.card import ImportSummary, render_import_card
from training.stages.adoption.config import ImportConfig, write_config
from training.stages.adoption.error_explanations import explain_errors, remedy_for
from training.stages.adoption.figures import ROWS, sample_metrics
from training.stages.adoption.own_version import compare_with_own_version
from training.stages.adoption.pipeline_file import open_pipeline
from training.stages.adoption.remarks import sample_remarks, tracing_remarks, version_remarks
from training.stages.adoption.request import ImportResult, Request
from training.stages.export import graph_limits
from training.stages.signing import signing_key
from training.stages.startup_check import require_startup

PROOF_ROWS = 10_000
"""The number of evenly spread rows of the sample that go into the proof; hostile rows are added to them."""


class _Recipe(Strict):
    """The parts of an import that its fingerprint covers, besides sample, code and versions."""

    config: ImportConfig
    pipeline_sha256: str


def adopt(
    request: Request,
    settings: TrainingSettings,
    progress: Progress,
    environments: Environments = environment_for,
) -> ImportResult:
    """Import a fitted pipeline: export, prove and store it.

    Args:
        request: files and options.
        settings: the duration of the latency measurement.
        progress: receives the steps.
        environments: returns the environment of the version that ``request.sklearn`` names.

    Raises:
        AdoptionError: file, sample and config do not fit each other; nothing is stored.
        ConfigError: the config is impossible.
        DataError: cells of the sample do not fit the contract.
        ExportError, ParityError: the graph cannot be made, or does not answer what the pipeline answers.
        GateError: the model misses a limit.
        SaveError, BundleError: it cannot be stored, or the stored bundle does not verify.
    """
    started_s = time.monotonic()
    key = signing_key(settings)
    loaded, facts = open_pipeline(request, progress)
    with naming_version(loaded.fitted_version, loaded.source), trusted_functions(request.trust_functions):
        return _Import(request, settings, progress, loaded, facts, environments, key).run(started_s)


class _Import:
    """The import of a pipeline that was loaded; the arguments are those of ``adopt``."""

    def __init__(
        self,
        request: Request,
        settings: TrainingSettings,
        progress: Progress,
        loaded: LoadedPipeline,
        facts: Mapping[str, ColumnFacts],
        environments: Environments,
        key: SigningKey | None,
    ) -> None:
        self._request = request
        self._key = key
        self._settings = settings
        self._progress = progress
        self._loaded = loaded
        self._facts = facts
        self._environments = environments

    def run(self, started_s: float) -> ImportResult:
        """Import the pipeline; errors: see ``adopt``."""
        request, progress, loaded = self._request, self._progress, self._loaded
        with progress.step("Read the sample") as step:
            sample = read_sample(request.sample)
            has_names = keeps_column_names(loaded.pipeline)
            is_selective = has_names and drops_by_name(loaded.pipeline)
            columns = agreed_columns(sample, self._facts, is_selective, request.target)
            reading_remarks = sample_remarks(request, sample, self._facts, has_names)
            step.detail = f"{len(sample):,} rows, {len(columns)} features"
        agreed, truth, metrics = self._agree(sample, columns)
        config, contract = agreed.config, agreed.config.contract()
        rows = to_rows(agreed.frame, contract)
        proof_rows = rows[np.unique(np.linspace(0, len(rows) - 1, PROOF_ROWS).astype(np.intp))]
        with trusted_functions(request.trust_functions) as traced:
            graph = self._build_graph(agreed, rows, proof_rows)
        comparison = compare_with_own_version(
            request, progress, loaded, agreed, graph.model, proof_rows, self._environments
        )
        gate = self._check_gate(config, metrics, graph)

        tags = new_tags(config.name)
        dataset = Dataset(agreed.frame, "real", sample.source, sample.sha256)
        recipe = _Recipe(config=config, pipeline_sha256=loaded.sha256)
        provenance = record(fingerprint(recipe, dataset), dataset, tags.pipeline)
        remarks = (*version_remarks(request, loaded, comparison), *reading_remarks, *agreed.remarks)
        remarks += tracing_remarks(request.trust_functions, traced)
        summary = ImportSummary(tags.bundle, loaded, provenance, metrics, graph.parity, graph.latency, gate, remarks)
        contents = Contents(
            model=graph.model,
            contract=contract,
            # The training data is not available: the sample represents it.
            reference=describe(contract, agreed.frame, agreed.answers, truth),
            examples=pick_examples(agreed.frame, agreed.answers, contract),
            latency=graph.latency,
            metrics={**metrics, ROWS: len(rows)},
            parity=graph.parity,
            card=render_import_card(config, summary),
        )
        with progress.step("Save and read back") as step, without_warnings():
            bundle = save_proven(
                tags,
                agreed.pipeline,
                contents,
                provenance,
                relative_max=graph.parity.limits.relative,
                startup=require_startup,
                labels={"imported": loaded.kind, "pipeline_sha256": loaded.sha256},
                signing_key=self._key,
            )
            step.detail = bundle.tag
        return ImportResult(
            tags=tags,
            config=config,
            config_is_new=agreed.is_new,
            metrics=dict(contents.metrics),
            parity=graph.parity,
            latency=graph.latency,
            gate=gate,
            remarks=remarks,
            bundle_folder=bundle.path,
            seconds=time.monotonic() - started_s,
        )

    def _agree(
        self, sample: Sample, columns: tuple[str, ...]
    ) -> tuple[AgreedConfig, NDArray[np.float64] | None, dict[str, float]]:
        """Return the agreed config, the true answers and the metrics on the sample; write the config if it is new."""
        request, loaded = self._request, self._loaded
        with self._progress.step("Agree on a contract") as step:
            agreed = agree_on_config(request, loaded, self._facts, sample, columns)
            contract = agreed.config.contract()
            truth = None if request.target is None else true_answers(sample, contract, request.target)
            metrics = {} if truth is None else sample_metrics(contract, truth, agreed.answers)
            _require_measured(agreed.config, metrics)
            if agreed.is_new:
                # Last: a sample that is refused leaves no config behind.
                source = f"{loaded.source} (sha256 {loaded.sha256[:12]}…), inferred from {sample.source}"
                write_config(request.config, agreed.config, agreed.comments, f"{source} ({len(sample):,} rows)")
            step.detail = f"{request.config} {'written' if agreed.is_new else 'read'}"
        return agreed, truth, metrics

    def _build_graph(
        self, agreed: AgreedConfig, rows: NDArray[np.float64], proof_rows: NDArray[np.float64]
    ) -> ProvenGraph:
        """Export, prove and time the graph. Each answer in the proof can be served."""
        config_path, contract = self._request.config, agreed.config.contract()
        remedy = remedy_for(
            self._loaded, f"Narrow the ranges in {config_path}, or change the pipeline.", perhaps_rows=True
        )

        def check_answers(packed: NDArray[np.float64], answers: NDArray[np.float64]) -> None:
            require_servable(
                answers,
                contract,
                lambda row: f"is the one to the row {row_as_sent(packed[row], contract)}, which {config_path} allows",
                remedy,
            )

        builder = BundleBuilder(agreed.pipeline, contract, reporter=self._progress, guard=self._guard)
        return builder.build_graph(
            to_frame(proof_rows, contract),
            rows,
            graph_limits(agreed.config.gate, self._settings),
            check_answers=check_answers,
        )

    @contextmanager
    def _guard(self, problem: str) -> Iterator[None]:
        """Hide the pipeline's warnings, and explain its errors."""
        with without_warnings(), explain_errors(problem, self._loaded):
            yield

    def _check_gate(self, config: ImportConfig, metrics: Mapping[str, float], graph: ProvenGraph) -> GateReport:
        """Return the report of the gate.

        Raises:
            GateError: the model misses a limit.
        """
        gate = check_gate(config.gate, metrics, graph.parity, graph.latency, len(graph.model))
        self._progress.table("Gate", gate.rows())
        for check in gate.undecided:
            self._progress.warn(check.in_words())
        gate.require()
        return gate


def _require_measured(config: ImportConfig, metrics: Mapping[str, float]) -> None:
    """Raise an error if the config limits a metric that was not measured.

    Raises:
        AdoptionError: the message lists the measured metrics, or names ``--target``.
    """
    for metric in config.gate.metrics:
        if metric not in metrics:
            raise AdoptionError(
                f"gate.metrics.{metric} cannot be measured"
                + (
                    f"; there are {sorted(metrics)}"
                    if metrics
                    else ", for no true answers were given: say --target COLUMN"
                )
                + ", or remove the limit."
            )
