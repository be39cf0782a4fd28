"""The stored study: trials in a SQLite file, so that an interrupted sweep continues after its last trial.

The name of a study is a hash of everything that determines its trials. Another config, other data or another library start
another study in the same file; more trials or minutes continue the existing one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from training.config import Decisions, ModelConfig, Param, Range
from training.model.metrics import HIGHER_IS_BETTER, metric_of
from training.studies.errors import SweepError
from training.studies.sweep.rungs import REDUCTION, RUNGS

STARTUP_TRIALS = 6
"""The number of random trials of a bracket before TPE starts; a sweep has about thirty trials in three brackets."""
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
"""The states of stored trials; an interrupted trial is repeated."""
_SECTIONS = ("task", "target", "features", "derived", "decision", "split", "seed")
"""The sections of a config that determine the scores of a trial, in addition to the decisions and the section of the sweep."""
_LIBRARIES = ("numpy", "optuna", "scikit-learn")
_OF_KIND = {"xgboost": "xgboost", "lightgbm": "lightgbm"}


def study_id(config: ModelConfig, train: pd.DataFrame, decisions: Decisions, space: Mapping[str, Range]) -> str:
    """Return the name of the study of this config, data and code: the model's name and 16 hexadecimal digits.

    Args:
        config: the model's config; the numbers of trials and minutes are not part of the name.
        train: the training part, validated; every value and the order of the rows are part of the name.
        decisions: the decisions before the sweep.
        space: the ranges of the parameters.
    """
    kinds = {decisions.estimator.kind, *(member.kind for member in decisions.estimator.members)}
    content: dict[str, Any] = {
        "config": config.model_dump(mode="json", include=set(_SECTIONS)),
        "sweep": config.sweep.model_dump(mode="json", exclude={"trials", "minutes", "space"}),
        "metric": metric_of(config),
        "budget": config.selection.model_dump(
            mode="json", include={"single_row_us_max", "batch_us_max", "model_mib_max"}
        ),
        "decisions": decisions.model_dump(mode="json"),
        "space": {name: space[name].model_dump(mode="json") for name in sorted(space)},
        "rungs": [RUNGS, REDUCTION],
        "libraries": {
            name: _version(name) for name in (*_LIBRARIES, *(_OF_KIND[kind] for kind in kinds & set(_OF_KIND)))
        },
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    digest.update(json.dumps([[name, str(kind)] for name, kind in train.dtypes.items()]).encode())
    digest.update(pd.util.hash_pandas_object(train, index=False).to_numpy().tobytes())
    return f"{config.name}-{digest.hexdigest()[:16]}"


def _version(library: str) -> str:
    try:
        return version(library)
    except ImportError:
        # The same library under another name of the package index, as xgboost-cpu.
        return version(f"{library}-cpu")


@contextmanager
def open_study(
    name: str, metric: str, first: Mapping[str, Param], pruner: optuna.pruners.BasePruner, storage: Path | None
) -> Iterator[optuna.Study]:
    """Open the study of this name with its finished trials; Optuna logs nothing inside the block.

    Args:
        name: from ``study_id``.
        metric: the metric, which determines the direction.
        first: the parameters of the first trial.
        pruner: the pruner of the study.
        storage: a SQLite file, created if it does not exist; None keeps the trials in memory.

    Raises:
        SweepError: the file cannot be read or written.
    """
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    database: optuna.storages.BaseStorage | None = None
    try:
        try:
            database = _open_database(storage)
            study = _continue_study(database, name, metric, pruner)
        except (optuna.exceptions.OptunaError, SQLAlchemyError, OSError, RuntimeError) as error:
            raise SweepError(
                f"the stored trials in {storage} cannot be read or written: {error}. Delete the file to start a new study,"
                " or name a file in a folder with write permission."
            ) from error
        if first and not study.get_trials(deepcopy=False):
            study.enqueue_trial(dict(first))
        yield study
    finally:
        if isinstance(database, optuna.storages.RDBStorage):
            database.remove_session()
            database.engine.dispose()
        optuna.logging.set_verbosity(verbosity)


def _open_database(storage: Path | None) -> optuna.storages.BaseStorage:
    if storage is None:
        return optuna.storages.InMemoryStorage()
    storage.parent.mkdir(parents=True, exist_ok=True)
    url = URL.create("sqlite", database=str(storage.absolute()))
    return optuna.storages.RDBStorage(url.render_as_string())


def _continue_study(
    database: optuna.storages.BaseStorage, name: str, metric: str, pruner: optuna.pruners.BasePruner
) -> optuna.Study:
    """Return the study with its finished trials only, numbered without a gap, as without an interruption."""
    settings: dict[str, Any] = {
        "study_name": name,
        "storage": database,
        "direction": "maximize" if metric in HIGHER_IS_BETTER else "minimize",
        "pruner": pruner,
    }
    study = optuna.create_study(**settings, load_if_exists=True)
    trials = study.get_trials()
    finished_trials: list[FrozenTrial] = [trial for trial in trials if trial.state in FINISHED]
    if len(finished_trials) == len(trials):
        return study
    optuna.delete_study(study_name=name, storage=database)
    study = optuna.create_study(**settings)
    study.add_trials(finished_trials)
    return study


def make_pruner(kind: str) -> optuna.pruners.BasePruner:
    """Return the pruner of ``sweep.pruner``.

    ``hyperband`` (Li et al., Hyperband, 2018) divides the trials among brackets that prune from the first rung, from the
    second or not at all, so that slowly learning parameters are not pruned too early. ``successive_halving`` prunes all trials from
    the first rung on.
    """
    if kind == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=RUNGS[0], max_resource=RUNGS[-1], reduction_factor=REDUCTION)
    if kind == "successive_halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=RUNGS[0], reduction_factor=REDUCTION)
    return optuna.pruners.NopPruner()


def make_sampler(seed: int, number: int) -> optuna.samplers.BaseSampler:
    """Return the sampler of one trial.

    Each trial has its own sampler, seeded with the number of the trial. The next parameters then depend on the earlier trials and not
    on interruptions of the sweep. TPE is multivariate (Bergstra et al., Algorithms for
    hyper-parameter optimization, 2011; Watanabe, Tree-structured Parzen estimator, 2023).

    Args:
        seed: the seed of the config.
        number: the number of the trial.
    """
    digest = hashlib.sha256(f"{seed}:{number}".encode()).digest()
    return optuna.samplers.TPESampler(seed=int.from_bytes(digest[:4], "big"), n_startup_trials=STARTUP_TRIALS)
