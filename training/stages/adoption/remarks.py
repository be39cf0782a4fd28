"""The remarks of an import: sentences that the user should read, on the terminal and in the card."""

from __future__ import annotations

from collections.abc import Mapping

from tabento.adopt.columns import ColumnFacts
from tabento.adopt.load import LoadedPipeline, version_remark
from tabento.adopt.sample import Sample, left_out_remarks
from tabento.adopt.versions.version_comparison import VersionComparison
from training.stages.adoption.config import ImportConfig
from training.stages.adoption.request import Request


def version_remarks(request: Request, loaded: LoadedPipeline, comparison: VersionComparison | None) -> tuple[str, ...]:
    """Return the remarks of loading. A comparison with the version that fitted the pipeline removes the doubt about it."""
    is_compared = comparison is not None or request.expected is not None
    doubt = version_remark(loaded.fitted_version) if is_compared and loaded.fitted_version.differs else None
    remarks = tuple(remark for remark in loaded.remarks if remark != doubt)
    return remarks if comparison is None else (comparison.in_words(), *remarks)


def sample_remarks(
    request: Request, sample: Sample, facts: Mapping[str, ColumnFacts], has_names: bool
) -> tuple[str, ...]:
    """Return the names of the ignored columns, and the source of the columns' names.

    Args:
        request: files and options.
        sample: the sample as read.
        facts: by column, the facts from the fitted steps.
        has_names: whether the pipeline has names for its columns.
    """
    remarks = left_out_remarks(sample, facts, request.target)
    option = "--columns" if request.columns else "--columns-from-sample"
    if (request.columns or request.columns_from_sample) and has_names:
        remarks += (f"{option} was not needed: the pipeline has names for its columns",)
    elif request.columns:
        remarks += (f"the columns are named as --columns says: {', '.join(map(repr, facts))}",)
    elif request.columns_from_sample:
        names = ", ".join(map(repr, facts))
        remarks += (f"the columns are named as in {sample.source}, by their order: {names}",)
    return remarks


def tracing_remarks(trusted: tuple[str, ...], traced: set[str]) -> tuple[str, ...]:
    """Return the functions that were called to record their formulas, and the trusted names that were not needed."""
    unused = sorted(set(trusted) - traced)
    remarks = [f"run to see what they compute, because you said so: {', '.join(sorted(traced))}"] if traced else []
    if unused:
        remarks.append(f"--trust-function {' '.join(unused)} was not needed: no step of that name has to be traced")
    return tuple(remarks)


def unused_options(request: Request, config: ImportConfig) -> tuple[str, ...]:
    """Return the options that were ignored because the config exists and has other values."""
    options = (("--name", request.name, config.name), ("--p99-ms", request.p99_ms, config.p99_ms))
    return tuple(
        f"{option} {value} was not used: {request.config} is there and says {configured}"
        for option, value, configured in options
        if value is not None and value != configured
    )
