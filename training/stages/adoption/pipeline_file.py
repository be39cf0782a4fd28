"""The first step of an import: the pipeline is loaded, and its columns get their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
from sklearn.pipeline import Pipeline

from tabento.adopt.columns import ColumnFacts, column_facts, takes_one_text
from tabento.adopt.errors import AdoptionError
from tabento.adopt.infer import input_names
from tabento.adopt.load import LoadedPipeline, load_pipeline, naming_version
from tabento.adopt.sample import read_sample, target_columns
from tabento.adopt.version_breaks import known_breaks, require_known
from tabento.adopt.versions.version_comparison import requested_version
from tabento.transformers.text_column import TextColumn
from training.progress import Progress
from training.stages.adoption.error_explanations import explain_errors
from training.stages.adoption.request import Request


def open_pipeline(request: Request, progress: Progress) -> tuple[LoadedPipeline, Mapping[str, ColumnFacts]]:
    """Load the pipeline of a request, and return it with the facts of its columns.

    Raises:
        AdoptionError: the file, the pipeline or its columns cannot be used.
    """
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
        with naming_version(loaded.fitted_version, loaded.source), explain_errors("its steps cannot be read", loaded):
            breaks = known_breaks(loaded.pipeline, loaded.fitted_version.foreign)
            uses_own_version = requested_version(request.sklearn, loaded) is not None
            require_known(breaks, proven=request.expected is not None or uses_own_version)
            names = input_names(loaded.pipeline, _column_names(request, loaded), by_name=bool(request.columns))
            loaded = _with_text_column(loaded, names, uses_own_version=uses_own_version)
            facts = column_facts(loaded.pipeline, names)
        step.detail = f"{type(loaded.pipeline).__name__} with {len(facts)} columns, from {loaded.kind}"
    for remark in loaded.remarks:
        # Print the remarks now: they can explain a failure of a later step.
        progress.say(f"           {remark}")
    return loaded, facts


def _with_text_column(loaded: LoadedPipeline, names: tuple[str, ...], *, uses_own_version: bool) -> LoadedPipeline:
    """Return a pipeline that takes a table of one column if the loaded one takes only texts.

    Args:
        loaded: the pipeline and its file.
        names: the columns of the sample without the target.
        uses_own_version: whether the version that fitted the pipeline answers rows, too.

    Raises:
        AdoptionError: the pipeline takes only texts, and the sample has several columns or its own version is compared.
    """
    if not takes_one_text(loaded.pipeline):
        return loaded
    if uses_own_version:
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


def _column_names(request: Request, loaded: LoadedPipeline) -> list[str] | None:
    """Return the names from ``--columns``, or the sample's header without the target if the request allows that.

    The one column of a pipeline that takes only texts can have no other name.
    """
    if request.columns:
        return list(request.columns)
    if not request.columns_from_sample and not takes_one_text(loaded.pipeline):
        return None
    targets = target_columns(request.target)
    return [name for name in map(str, read_sample(request.sample).cells.columns) if name not in targets]
