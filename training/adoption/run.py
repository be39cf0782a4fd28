"""An import: the whole way from a file and a sample to a stored, checked bundle.

load → walk the steps → read the sample → contract (inferred and written, or read as edited) → compare readings and try
promises → export → parity → latency → gate → card → save → read the bundle back and let it predict its own examples.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from bundle.contract import Feature, Strict
from training.adoption.card import Imported, render_import_card
from training.adoption.column_names import keeps_names
from training.adoption.columns import ColumnFacts, column_facts, drops_by_name, takes_one_text
from training.adoption.config import (
    P99_MS,
    ImportConfig,
    default_gate,
    fitted_to,
    load_import_config,
    made_config,
    write_config,
)
from training.adoption.errors import AdoptionError
from training.adoption.expected import compare_expected, read_expected
from training.adoption.figures import ROWS, sample_metrics
from training.adoption.infer import infer_features, infer_output, input_names, model_name
from training.adoption.load import Loaded, load_pipeline, telling_version, version_remark
from training.adoption.promises import (
    adapted,
    answers_per_row,
    broken_promises,
    compare_readings,
    quietly,
    relaxed,
    require_kept,
)
from training.adoption.reference import describe_sample
from training.adoption.sample import (
    Sample,
    agreed_columns,
    as_contracted,
    as_read,
    left_out_remarks,
    read_sample,
    target_columns,
    true_answers,
)
from training.adoption.served_answers import require_servable, row_as_sent
from training.adoption.version_breaks import known_breaks, require_known, version_remedy
from training.adoption.versions.judge import Case, Environments, Verdict, environment_for, judge, wanted_version
from training.data.loader import Dataset
from training.errors import TrainingError
from training.examples import pick_examples
from training.export import ExportError, export_pipeline, serialise
from training.export.tracing import trusted_functions
from training.frames import to_frame, to_rows
from training.gate import GateReport, check_gate, is_latency_undecided, parity_limits
from training.latency import LatencyTable, measure_latency
from training.parity import ParityError, ParityReport, check_parity
from training.progress import Progress
from training.provenance import fingerprint, record
from training.run import check_examples
from training.save import Contents, Tags, new_tags, save
from training.settings import TrainingSettings
from training.transformers.text_column import TextColumn

PROOF_ROWS = 10_000
"""How many rows of the sample go into the proof, evenly spread; hostile rows are made from them and come on top."""


@dataclass(frozen=True)
class Request:
    """What a person asks for."""

    pipeline: Path
    """The file with the fitted pipeline."""
    sample: Path
    """The CSV file with rows of it."""
    config: Path
    """The config to write, or to read where it is there."""
    target: str | tuple[str, ...] | None = None
    """The sample's column with the true answers; of several answers a row a column for each, in the pipeline's order."""
    name: str | None = None
    """The model's name, for a config that is not there yet; by default that of the pipeline's file."""
    p99_ms: float | None = None
    """The promise in milliseconds, for a config that is not there yet."""
    trust: tuple[str, ...] = ()
    """Types that a skops file may create beyond those that skops trusts."""
    trust_pickle: bool = False
    """Whether a pickle may be opened."""
    trust_functions: tuple[str, ...] = ()
    """Functions and transformer classes, ``module.name``, that may be run with symbols to see what they compute."""
    expected: Path | None = None
    """The CSV file with the answers to the sample of the version of scikit-learn that fitted the pipeline."""
    columns_from_sample: bool = False
    """Whether the sample's header names the columns of a pipeline that has no names for them."""
    columns: tuple[str, ...] = ()
    """The names, in its order, of the columns of a pipeline that has no names for them; given in place of the header."""
    sklearn: str | None = None
    """``auto``, or the version of scikit-learn whose own answers the import is compared with; None compares with none."""


@dataclass(frozen=True)
class ImportResult:
    """What an import has made."""

    tags: Tags
    config: ImportConfig
    config_is_new: bool
    metrics: dict[str, float]
    """Figures on the sample, none without a target; and how many rows it has."""
    parity: ParityReport
    latency: LatencyTable
    gate: GateReport
    remarks: tuple[str, ...]
    """What a person should know."""
    bundle_folder: Path
    """Where the store keeps the bundle."""
    seconds: float
    """How long the import took."""


@dataclass(frozen=True)
class _Fitted:
    """A config that fits pipeline and sample, and what was found out on the way."""

    config: ImportConfig
    is_new: bool
    pipeline: Any
    """The pipeline that takes the service's frames."""
    frame: pd.DataFrame
    """The sample as the contract types it."""
    answers: NDArray[np.float64]
    """The pipeline's answers to it, shape (N,) or (N, W)."""
    read: pd.DataFrame
    """The sample as pandas reads it, the contract's columns."""
    remarks: tuple[str, ...] = ()
    comments: Mapping[str, str] = field(default_factory=dict)
    """For a config that is new: by feature, what the sample shows of it."""


class _Recipe(Strict):
    """All of an import that its fingerprint covers, besides sample, code and versions."""

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
        request: files and switches.
        settings: how long latency is measured.
        progress: who is told.
        environments: gives the environment of the version that ``request.sklearn`` asks for.

    Raises:
        AdoptionError: file, sample and config cannot be brought together; nothing is stored.
        ConfigError: the config is impossible.
        DataError: cells of the sample do not fit the contract.
        ExportError, ParityError: the graph cannot be made, or does not answer what the pipeline answers.
        GateError: the model misses a limit.
        SaveError, BundleError: it cannot be stored, or what is stored does not verify.
    """
    began = time.monotonic()
    nameless = [name for name in request.trust_functions if "<" in name]
    if nameless:
        raise AdoptionError(
            f"--trust-function {nameless[0]!r}: such a function has no name under which the stored pipeline could be read"
            " again. Write it as a function of a module, fit the pipeline with that, and give its name."
        )
    with progress.step("Load the pipeline") as step:
        loaded = load_pipeline(
            request.pipeline,
            trust=request.trust,
            trust_pickle=request.trust_pickle,
            trust_functions=request.trust_functions,
        )
        with telling_version(loaded.fitted_with, loaded.source), _in_words("its steps cannot be read", loaded):
            breaks = known_breaks(loaded.pipeline, loaded.fitted_with.foreign)
            proven = request.expected is not None or wanted_version(request.sklearn, loaded) is not None
            require_known(breaks, proven=proven)
            names = input_names(loaded.pipeline, _header(request, loaded), by_name=bool(request.columns))
            asks_older = wanted_version(request.sklearn, loaded) is not None
            loaded = _taking_tables(loaded, names, asks_older=asks_older)
            facts = column_facts(loaded.pipeline, names)
        step.detail = f"{type(loaded.pipeline).__name__} with {len(facts)} columns, from {loaded.kind}"
    for remark in loaded.remarks:
        # At once: what fails later may fail because of it.
        progress.say(f"           {remark}")
    with telling_version(loaded.fitted_with, loaded.source), trusted_functions(request.trust_functions):
        return _adopt_loaded(request, settings, progress, loaded, facts, began, environments)


def _adopt_loaded(
    request: Request,
    settings: TrainingSettings,
    progress: Progress,
    loaded: Loaded,
    facts: Mapping[str, ColumnFacts],
    began: float,
    environments: Environments,
) -> ImportResult:
    """Import a pipeline that was loaded, see ``adopt``."""
    with progress.step("Read the sample") as step:
        sample = read_sample(request.sample)
        named = keeps_names(loaded.pipeline)
        columns = agreed_columns(sample, facts, named and drops_by_name(loaded.pipeline), request.target)
        read_remarks = _remarks_of_reading(request, sample, facts, named)
        step.detail = f"{len(sample):,} rows, {len(columns)} features"
    with progress.step("Agree on a contract") as step:
        fitted = _fit(request, loaded, facts, sample, columns)
        config, contract = fitted.config, fitted.config.contract()
        truth = None if request.target is None else true_answers(sample, contract, request.target)
        metrics = {} if truth is None else sample_metrics(contract, truth, fitted.answers)
        _require_measured(config, metrics)
        if fitted.is_new:
            # Last, so that nothing is written for a sample that has to be given again.
            source = f"{loaded.source} (sha256 {loaded.sha256[:12]}…), inferred from {sample.source}"
            write_config(request.config, config, fitted.comments, f"{source} ({len(sample):,} rows)")
        step.detail = f"{request.config} {'written' if fitted.is_new else 'read'}"
    rows = to_rows(fitted.frame, contract)
    proven = rows[np.unique(np.linspace(0, len(rows) - 1, PROOF_ROWS).astype(np.intp))]
    with (
        progress.step("Export to ONNX") as step,
        _in_words("it cannot be exported", loaded),
        trusted_functions(request.trust_functions) as traced,
    ):
        model = serialise(export_pipeline(fitted.pipeline, contract))
        step.detail = f"{len(model) / (1 << 20):.1f} MiB"
    with progress.step("Compare graph and pipeline") as step, quietly(), _in_words("it cannot be compared", loaded):
        parity = check_parity(
            fitted.pipeline,
            model,
            contract,
            to_frame(proven, contract),
            limits=parity_limits(config.gate),
            max_rows=config.gate.parity_rows,
            check_answers=lambda packed, answers: require_servable(
                answers,
                contract,
                lambda row: (
                    f"is the one to the row {row_as_sent(packed[row], contract)}, which {request.config} allows"
                ),
                _remedy(loaded, f"Narrow the ranges in {request.config}, or change the pipeline.", perhaps_rows=True),
            ),
        )
        step.detail = proof_in_words(parity)
    with progress.step("Measure latency") as step:
        latency = measure_latency(
            model,
            rows,
            budget_s=settings.latency_budget_s,
            is_undecided=lambda table: is_latency_undecided(config.gate, table),
        )
        step.detail = f"one row p99 {latency.single_row_p99_us:.1f} µs"
    verdict = _judged(request, progress, loaded, fitted, model, proven, environments)
    gate = check_gate(config.gate, metrics, parity, latency, len(model))
    progress.table("Gate", gate.rows())
    for check in gate.undecided:
        progress.warn(check.in_words())
    gate.require()

    tags = new_tags(config.name)
    dataset = Dataset(fitted.frame, "real", sample.source, sample.sha256)
    recipe = _Recipe(config=config, pipeline_sha256=loaded.sha256)
    provenance = record(fingerprint(recipe, dataset), dataset, tags.pipeline)
    remarks = (*_settled_remarks(request, loaded, verdict), *read_remarks, *fitted.remarks)
    remarks += _remarks_of_tracing(request.trust_functions, traced)
    imported = Imported(tags.bundle, loaded, provenance, metrics, parity, latency, gate, remarks)
    contents = Contents(
        model=model,
        contract=contract,
        reference=describe_sample(contract, fitted.frame, fitted.answers, truth),
        examples=pick_examples(fitted.frame, fitted.answers, contract),
        latency=latency,
        metrics={**metrics, ROWS: len(rows)},
        parity=parity,
        card=render_import_card(config, imported),
    )
    with progress.step("Save and read back") as step, quietly():
        bundle = save(
            tags,
            fitted.pipeline,
            contents,
            provenance,
            lambda stored: check_examples(stored, fitted.pipeline, parity.limits.relative),
            labels={"imported": loaded.kind, "pipeline_sha256": loaded.sha256},
        )
        step.detail = bundle.tag
    return ImportResult(
        tags=tags,
        config=config,
        config_is_new=fitted.is_new,
        metrics=dict(contents.metrics),
        parity=parity,
        latency=latency,
        gate=gate,
        remarks=remarks,
        bundle_folder=bundle.path,
        seconds=time.monotonic() - began,
    )


def _judged(
    request: Request,
    progress: Progress,
    loaded: Loaded,
    fitted: _Fitted,
    model: bytes,
    proven: NDArray[np.float64],
    environments: Environments,
) -> Verdict | None:
    """Compare pipeline and graph with the version that fitted the pipeline, if that was asked for.

    Raises:
        AdoptionError: it cannot be asked, or answers otherwise.
    """
    version = wanted_version(request.sklearn, loaded)
    if version is None:
        return None
    contract = fitted.config.contract()
    if len(contract.output.label_sets) > 1:
        raise AdoptionError(
            "--sklearn compares one label a row, and this pipeline gives several. Leave --sklearn out, and give the answers"
            " of the other version with --expected."
        )
    with progress.step(f"Open an environment of scikit-learn {version}") as step:
        environment, paths = environments(version, loaded.pipeline)
        step.detail = "made" if environment.is_new else "kept from an earlier run"
    case = Case(
        path=request.pipeline,
        loaded=loaded,
        pipeline=fitted.pipeline,
        model=model,
        contract=contract,
        sample=fitted.read,
        sample_answers=fitted.answers,
        packed=proven,
        limits=parity_limits(fitted.config.gate),
        max_rows=fitted.config.gate.parity_rows,
    )
    with progress.step(f"Compare with scikit-learn {version}") as step, quietly():
        verdict = judge(case, environment, paths)
        step.detail = verdict.in_words()
    return verdict


def _settled_remarks(request: Request, loaded: Loaded, verdict: Verdict | None) -> tuple[str, ...]:
    """Return what to know of a loaded pipeline; a comparison with its own version answers the doubt about it."""
    proven = verdict is not None or request.expected is not None
    doubt = version_remark(loaded.fitted_with) if proven and loaded.fitted_with.differs else None
    remarks = tuple(remark for remark in loaded.remarks if remark != doubt)
    return remarks if verdict is None else (verdict.in_words(), *remarks)


@contextmanager
def _in_words(what: str, loaded: Loaded) -> Iterator[None]:
    """Tell in words what a pipeline provokes whose inside is not as its class would have it.

    Raises:
        AdoptionError: in place of any error that has no words of its own.
    """
    try:
        yield
    except (TrainingError, ExportError, ParityError):
        raise
    except Exception as error:  # fitted by another version, or put together by hand: anything may be missing
        raise AdoptionError(
            f"the pipeline of {loaded.source} is a {type(loaded.pipeline).__name__}, but {what}:"
            f" {type(error).__name__}: {' '.join(str(error).split()).rstrip('.')}. "
            + _remedy(
                loaded,
                "Fit and save it again; if that does not help, report it: --verbose shows where it failed.",
                perhaps_rows=isinstance(error, ValueError),
            )
        ) from error


def proof_in_words(parity: ParityReport) -> str:
    """Return the figures of the proof that matter most: differences, branches, labels."""
    words = f"worst relative difference {parity.worst_relative:.2g} in {parity.rows:,} rows"
    if parity.trees:
        words += f", {parity.other_branches:,} on another branch of {parity.trees:,} trees"
    if parity.classification:
        words += f", {parity.label_flips:,} with another label"
    if parity.cancelled:
        words += f", {parity.cancelled:,} with rounding that shows"
    if parity.knife_edges:
        words += f", {parity.knife_edges:,} on a knife edge"
    return words + (f", {parity.undecided:,} undecided" if parity.undecided else "")


def _fit(
    request: Request, loaded: Loaded, facts: Mapping[str, ColumnFacts], sample: Sample, columns: tuple[str, ...]
) -> _Fitted:
    """Read the config that is there, or infer and write one; either way the pipeline keeps what it promises."""
    count = answers_per_row(loaded.pipeline, as_read(sample, columns, facts))
    output = infer_output(loaded.pipeline, request.target, count, columns)
    if request.config.exists():
        config = fitted_to(load_import_config(request.config), columns, output, request.config)
        fitted = _tried(loaded, config, False, facts, sample)
        contract = config.contract()
        require_kept(broken_promises(fitted.pipeline, to_rows(fitted.frame, contract), contract), str(request.config))
        remarks = (*_unused_options(request, config), *_compared(request, loaded, fitted))
        return replace(fitted, remarks=remarks)
    inferred = infer_features(sample, columns, facts)
    narrow = {one.feature.name: one.narrow for one in inferred}
    p99_ms = P99_MS if request.p99_ms is None else request.p99_ms
    name = model_name(request.name, request.pipeline.stem)
    config = made_config(
        name=name,
        title=name.replace("_", " ").capitalize(),
        description=f"{type(loaded.pipeline).__name__} imported from {loaded.source}.",
        p99_ms=p99_ms,
        output=output,
        features=tuple(one.feature for one in inferred),
        gate=default_gate(p99_ms),
    )
    fitted = _settled(loaded, config, facts, sample, narrow)
    comments = {one.feature.name: one.remark for one in inferred}
    return replace(fitted, remarks=_compared(request, loaded, fitted), comments=comments)


def _settled(
    loaded: Loaded,
    config: ImportConfig,
    facts: Mapping[str, ColumnFacts],
    sample: Sample,
    narrow: Mapping[str, Feature],
) -> _Fitted:
    """Take promises back, one after the other, until the pipeline keeps what is left."""
    fitted = _tried(loaded, config, True, facts, sample)
    contract = config.contract()
    broken = broken_promises(fitted.pipeline, to_rows(fitted.frame, contract), contract)
    if not broken:
        return fitted
    smaller = relaxed(contract, broken, narrow)
    config = config.model_copy(update={"features": smaller.features})
    fitted = _tried(loaded, config, True, facts, sample)
    require_kept(broken_promises(fitted.pipeline, to_rows(fitted.frame, smaller), smaller), None)
    return fitted


def _tried(
    loaded: Loaded, config: ImportConfig, is_new: bool, facts: Mapping[str, ColumnFacts], sample: Sample
) -> _Fitted:
    """Let the pipeline answer the sample, as it was read and as requests would bring it."""
    pipeline, contract = loaded.pipeline, config.contract()
    frame = as_contracted(sample, contract, facts)
    adapter = adapted(pipeline, contract, facts)
    read = as_read(sample, contract.feature_names, facts)
    answers = compare_readings(pipeline, adapter, read, to_rows(frame, contract), contract, loaded.fitted_with.foreign)
    require_servable(
        answers,
        contract,
        lambda row: f"is row {row + 1} of {sample.source}",
        _remedy(loaded, "Change the pipeline so that each answer can be served.", perhaps_rows=False),
    )
    return _Fitted(config, is_new, adapter, frame, answers, read)


def _compared(request: Request, loaded: Loaded, fitted: _Fitted) -> tuple[str, ...]:
    """Compare the answers to the sample with the expected ones, if there are any, and say what was compared."""
    if request.expected is None:
        return ()
    contract = fitted.config.contract()
    expected = read_expected(request.expected, contract, len(fitted.frame))
    versions = " and ".join(loaded.fitted_with.foreign)
    fitted_with = f"with scikit-learn {versions}" if versions else "where it was fitted"
    return (compare_expected(expected, fitted.answers, contract, fitted_with).in_words(),)


def _remedy(loaded: Loaded, otherwise: str, *, perhaps_rows: bool) -> str:
    """Return what to do about an answer that cannot be served: of another version's pipeline, what concerns it."""
    return version_remedy(loaded.fitted_with.foreign, perhaps_rows=perhaps_rows) or otherwise


def _taking_tables(loaded: Loaded, names: tuple[str, ...], *, asks_older: bool) -> Loaded:
    """Return a pipeline that takes a table of one column where the loaded one takes texts alone.

    Args:
        loaded: what was loaded.
        names: the columns of the sample without the target.
        asks_older: whether the version that fitted it is to be asked.

    Raises:
        AdoptionError: the sample has several columns, or an older version is to be asked.
    """
    if not takes_one_text(loaded.pipeline):
        return loaded
    if asks_older:
        raise AdoptionError(
            f"the {type(loaded.pipeline).__name__} in the file takes texts alone, and --sklearn compares tables. Compare"
            " its answers with --expected, or fit it behind ColumnTransformer([('text', vectorizer, 'column')])."
        )
    if len(names) != 1:
        raise AdoptionError(
            f"the {type(loaded.pipeline).__name__} in the file takes texts alone, and the sample has {len(names)} columns"
            f" besides the --target: {', '.join(map(repr, names))}. Give a sample with the one column of texts and, if"
            " wanted, the target."
        )
    column = TextColumn().fit(pd.DataFrame(columns=list(names)))
    return replace(loaded, pipeline=Pipeline([("text", column), ("pipeline", loaded.pipeline)]))


def _header(request: Request, loaded: Loaded) -> list[str] | None:
    """Return the names that were given for the pipeline's columns, or the sample's without the target if those are to be
    taken.

    The one column of a pipeline that takes texts alone can have no other name.
    """
    if request.columns:
        return list(request.columns)
    if not request.columns_from_sample and not takes_one_text(loaded.pipeline):
        return None
    targets = target_columns(request.target)
    return [name for name in map(str, read_sample(request.sample).cells.columns) if name not in targets]


def _remarks_of_reading(
    request: Request, sample: Sample, facts: Mapping[str, ColumnFacts], named: bool
) -> tuple[str, ...]:
    """Say which columns were left out, and where the names come from."""
    remarks = left_out_remarks(sample, facts, request.target)
    asked = "--columns" if request.columns else "--columns-from-sample"
    if (request.columns or request.columns_from_sample) and named:
        remarks += (f"{asked} was not needed: the pipeline has names for its columns",)
    elif request.columns:
        remarks += (f"the columns are named as --columns says: {', '.join(map(repr, facts))}",)
    elif request.columns_from_sample:
        names = ", ".join(map(repr, facts))
        remarks += (f"the columns are named as in {sample.source}, by their order: {names}",)
    return remarks


def _remarks_of_tracing(named: tuple[str, ...], traced: set[str]) -> tuple[str, ...]:
    """Say which functions were run to see what they compute, and which names were of no use."""
    unused = sorted(set(named) - traced)
    remarks = [f"run to see what they compute, because you said so: {', '.join(sorted(traced))}"] if traced else []
    if unused:
        remarks.append(f"--trust-function {' '.join(unused)} was not needed: no step of that name has to be traced")
    return tuple(remarks)


def _unused_options(request: Request, config: ImportConfig) -> tuple[str, ...]:
    """Say which options lost against the config."""
    given = (("--name", request.name, config.name), ("--p99-ms", request.p99_ms, config.p99_ms))
    return tuple(
        f"{option} {value} was not used: {request.config} is there and says {own}"
        for option, value, own in given
        if value is not None and value != own
    )


def _require_measured(config: ImportConfig, metrics: Mapping[str, float]) -> None:
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
