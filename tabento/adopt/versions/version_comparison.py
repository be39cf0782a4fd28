"""The comparison of an import with the version of scikit-learn that fitted the pipeline.

That version answers the sample as pandas reads it and the rows of the proof: the sample's rows as requests bring them, and
hostile rows. A difference above the limit stops the import. A hostile row can be on a threshold to the last bit, so that
another numpy takes the other side. Such a row is accepted only if the pipeline here gives the same answer in another batch or
to an adjacent row.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from tabento.adopt.errors import AdoptionError
from tabento.adopt.load import LoadedPipeline
from tabento.adopt.versions.environment import Environment, checked_version, open_environment, requirement_of
from tabento.adopt.versions.exchange import ForeignAnswers, Question, answer_in_environment
from tabento.adopt.versions.schema import type_names
from tabento.adopt.versions.upgrade import held_objects
from tabento.bundle.contract import Contract
from tabento.bundle.session import LOG_ERRORS, open_session
from tabento.export.convert import plain_graph
from tabento.export.pipeline_answers import pipeline_answers
from tabento.parity.comparison.batch_sensitivity import BatchSensitivity
from tabento.parity.comparison.branches import BranchProbe
from tabento.parity.comparison.knife_edges import KnifeEdges
from tabento.parity.report import Limits
from tabento.parity.rows.hostile_rows import Rows, hostile_rows, keeps_contract
from tabento.parity.rows.thresholds import thresholds_of
from tabento.parity.sessions import answers, single_precision_operators
from tabento.tables.frames import to_frame

AUTO = "auto"
SAMPLE, PROOF = "sample", "proof"
FLOAT32_LIMIT = 1e-5
"""The allowed relative difference if an operator computes in float32, as in ``tabento.parity.proof``."""
NEIGHBOUR_DISTANCE = 1e-12
"""The largest distance of an adjacent row with the other version's answer, relative to the row's numbers: the order of sums
can differ in another numpy."""
_BUNDLED = ("builtins", "functools", "numpy", "scipy", "sklearn", "joblib", "pandas", "collections", "skops")
"""Packages that every environment has."""
_ROWS_IN_MESSAGE = 3

Environments = Callable[[str, Any], tuple[Environment, list[str]]]
"""Returns the result of ``environment_for`` for a version and a pipeline."""


@dataclass(frozen=True)
class VersionComparison:
    """The distance of pipeline and graph from the version that fitted the pipeline."""

    sklearn: str
    """The version that answered."""
    rows: int
    """The number of compared rows."""
    worst_relative: float
    """The largest relative difference of a number."""
    undecided: int
    """Hostile rows to which the pipeline itself does not give one answer."""

    def in_words(self) -> str:
        """Return the numbers as a remark."""
        undecided = f", {self.undecided:,} undecided" if self.undecided else ""
        return (
            f"scikit-learn {self.sklearn} itself answers the same: worst relative difference {self.worst_relative:.2g} in"
            f" {self.rows:,} rows{undecided}"
        )


@dataclass(frozen=True)
class Case:
    """The files and rows of one comparison."""

    path: Path
    """The pipeline's file."""
    loaded: LoadedPipeline
    pipeline: Any
    """The pipeline that takes the service's frames, and was exported."""
    model: bytes
    """The serialised graph."""
    contract: Contract
    sample: pd.DataFrame
    """The sample as pandas reads it."""
    sample_answers: NDArray[np.float64]
    """The local answers to it, (N,) or (N, W)."""
    packed: NDArray[np.float64]
    """The rows of the proof, (N, F)."""
    limits: Limits
    max_rows: int
    """The approximate number of compared rows."""


def requested_version(option: str | None, loaded: LoadedPipeline) -> str | None:
    """Return the version of scikit-learn for the comparison, None if the user did not ask for one.

    Raises:
        AdoptionError: the option is ``auto`` and the file names no version, or the option is not a version.
    """
    if option is None:
        return None
    if option != AUTO:
        return checked_version(option)
    if loaded.fitted_version.version is None:
        raise AdoptionError(
            f"{loaded.source} does not say which version of scikit-learn has fitted it, so --sklearn auto cannot choose"
            " one. Say --sklearn VERSION, or leave it out."
        )
    return loaded.fitted_version.version if loaded.fitted_version.differs else None


def environment_for(sklearn: str, pipeline: Any) -> tuple[Environment, list[str]]:
    """Return an environment that can open a pipeline, and the folders of its own steps' modules.

    Raises:
        AdoptionError: the environment cannot be created.
    """
    extra, paths = _needs(pipeline)
    return open_environment(sklearn, extra), paths


def compare_with_version(case: Case, environment: Environment, paths: Sequence[str]) -> VersionComparison:
    """Compare pipeline and graph with the answers of the version that fitted the pipeline.

    Raises:
        AdoptionError: that version cannot answer, or gives other answers; the message names the rows.
    """
    rows = _proof_rows(case)
    foreign = answer_in_environment(_question(case, rows, paths), environment)
    _require_classes(foreign, case.contract)
    sample = foreign.tables[SAMPLE]
    if not sample.answered.all():
        raise AdoptionError(
            f"scikit-learn {environment.sklearn} cannot answer row {_first_index(~sample.answered) + 1} of the sample:"
            f" {sample.error}. Give rows as the pipeline was fitted on."
        )
    single = single_precision_operators(onnx.ModelProto.FromString(case.model))
    limit = max(case.limits.relative, FLOAT32_LIMIT) if single else case.limits.relative
    comparison = _Comparison(case, environment.sklearn, limit, sample.answers)
    comparison.require(sample.answers, _wide(case.sample_answers), "the pipeline in the installed version", case.sample)
    proof = foreign.tables[PROOF]
    if not proof.answered.all():
        raise AdoptionError(comparison.refusal(rows, proof.answered, proof.error))
    local_answers = _wide(pipeline_answers(case.pipeline, rows.frame, case.contract))
    graph = _wide(answers(open_session(case.model, log_severity=LOG_ERRORS), rows.packed))
    comparison.require(proof.answers, local_answers, "the pipeline in the installed version", rows.frame, rows)
    comparison.require(proof.answers, graph, "the exported graph", rows.frame, rows)
    return VersionComparison(
        environment.sklearn, len(rows.packed) + len(case.sample), comparison.worst_relative, comparison.undecided
    )


class _Comparison:
    """The comparison of local answers with the answers of the other version."""

    def __init__(self, case: Case, sklearn: str, limit: float, sample: NDArray[np.float64]) -> None:
        self._case = case
        self._sklearn = sklearn
        self._limit = limit
        self._labels = len(case.contract.output.label_sets)
        self._typical = np.abs(sample[:, self._labels :]).mean(axis=0)
        self._is_excluded = np.zeros(0, dtype=bool)
        self.worst_relative = 0.0

    @property
    def undecided(self) -> int:
        """The number of rows that were accepted as undecided."""
        return int(self._is_excluded.sum())

    def require(
        self,
        expected: NDArray[np.float64],
        actual: NDArray[np.float64],
        source: str,
        frame: pd.DataFrame,
        rows: Rows | None = None,
    ) -> None:
        """Compare two sets of answers, shape (N, W).

        Raises:
            AdoptionError: they differ.
        """
        from tabento.parity.tolerances import differences

        if expected.shape != actual.shape:
            raise AdoptionError(
                f"scikit-learn {self._sklearn} answers {expected.shape[1]} numbers a row, {source} {actual.shape[1]}."
                " Fit the pipeline again with the installed version."
            )
        labels = (expected[:, : self._labels] != actual[:, : self._labels]).any(axis=1)
        _, relative = differences(expected[:, self._labels :], actual[:, self._labels :], self._typical)
        largest = np.maximum(relative.max(axis=1, initial=0.0), 2.0 * labels)
        wrong = np.flatnonzero(largest > self._limit)
        if len(wrong) and rows is not None:
            is_excluded = np.zeros(len(expected), dtype=bool)
            is_excluded[wrong] = self._is_undecided(rows, wrong, expected, actual)
            self._is_excluded = is_excluded if not len(self._is_excluded) else self._is_excluded | is_excluded
            largest = np.where(is_excluded, 0.0, largest)
            wrong = np.flatnonzero(largest > self._limit)
        self.worst_relative = max(self.worst_relative, float(largest.max(initial=0.0)))
        if not len(wrong):
            return
        worst = wrong[np.argsort(-largest[wrong], kind="stable")[:_ROWS_IN_MESSAGE]]
        lines = [
            f"  {frame.iloc[row].to_dict()}: {_answer_text(expected[row])} from {self._sklearn}, {_answer_text(actual[row])} here"
            for row in worst
        ]
        raise AdoptionError(
            f"{source} does not answer what scikit-learn {self._sklearn} answers: {len(wrong):,} of {len(expected):,} rows"
            " differ, the worst:\n"
            + "\n".join(lines)
            + "\nNothing was stored. Fit the pipeline again with the installed"
            " version and import that."
        )

    def refusal(self, rows: Rows, is_answered: NDArray[np.bool_], error: str) -> str:
        """Return the message about rows that the contract allows and only the other version refuses."""
        row = _first_index(~is_answered)
        return (
            f"scikit-learn {self._sklearn} refuses {int((~is_answered).sum()):,} of {len(is_answered):,} rows that the config"
            f" allows, such as {rows.frame.iloc[row].to_dict()}: {error}. Narrow the config (nullable, unknown, minimum,"
            " maximum), or fit the pipeline again with the installed version."
        )

    def _is_undecided(
        self, rows: Rows, indices: NDArray[np.intp], expected: NDArray[np.float64], actual: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return the mask of rows to which the pipeline itself does not give one answer."""
        case = self._case
        served = onnx.ModelProto.FromString(case.model)
        plain = plain_graph(case.pipeline, case.contract)
        probe = BranchProbe(case.pipeline, served, case.contract, plain)
        knife_edges = KnifeEdges(case.pipeline, case.contract, plain.steps, rows.frame, case.limits)
        candidates = [actual[indices], expected[indices]]
        is_unstable = knife_edges.distances(rows.frame.iloc[indices], candidates, jumps=True) <= NEIGHBOUR_DISTANCE
        sensitivity = BatchSensitivity(case.pipeline, case.contract, probe, rows.frame)
        remaining = indices[~is_unstable]
        result = sensitivity.explain_differences(
            rows.frame.iloc[remaining], [actual[remaining], expected[remaining]], self._typical, self._limit
        )
        is_unstable[~is_unstable] = result.excluded
        return is_unstable


def _proof_rows(case: Case) -> Rows:
    """Return the rows of the proof: rows of the sample and hostile rows, all answered by the pipeline here."""
    contract, count = case.contract, min(len(case.packed), max(case.max_rows // 2, 1))
    packed = case.packed[np.linspace(0, len(case.packed) - 1, count).astype(np.intp)]
    thresholds = thresholds_of(plain_graph(case.pipeline, contract))
    kinds = [Rows("test", packed, to_frame(packed, contract))]
    room = max(case.max_rows - len(packed), case.max_rows // 2)
    kinds += hostile_rows(case.pipeline, contract, packed, thresholds, room)
    allowed = [rows.select(np.flatnonzero(keeps_contract(rows.packed, contract))) for rows in kinds]
    frame = pd.concat([rows.frame for rows in allowed if len(rows.packed)], ignore_index=True)
    rows = Rows(PROOF, np.concatenate([rows.packed for rows in allowed]), frame)
    return rows.select(_answered_indices(case, rows.frame))


def _answered_indices(case: Case, frame: pd.DataFrame) -> NDArray[np.intp]:
    from tabento.parity.answered_rows import answered_rows

    indices, _, _ = answered_rows(case.pipeline, frame, case.contract)
    return indices


def _question(case: Case, rows: Rows, paths: Sequence[str]) -> Question:
    proof = rows.frame
    if case.pipeline is not case.loaded.pipeline and isinstance(case.pipeline, Pipeline):
        # The first step turns None into NaN; the pipeline in the file does not have it.
        proof = case.pipeline[:-1].transform(proof)
    skops = case.loaded.kind == "skops"
    content = case.path.read_bytes()
    if hashlib.sha256(content).hexdigest() != case.loaded.sha256:
        raise AdoptionError(f"{case.path} has changed since the import began. Give the same command again.")
    return Question(
        content=content,
        tables={SAMPLE: case.sample, PROOF: proof},
        probabilities=case.contract.output.classes is not None and case.contract.output.probabilities,
        # All of its types were checked when it was loaded.
        allowed=type_names(content) if skops else (),
        trust_pickle=not skops,
        paths=paths,
    )


def _require_classes(foreign: ForeignAnswers, contract: Contract) -> None:
    classes = None if contract.output.classes is None else list(contract.output.classes)
    if foreign.classes != classes:
        raise AdoptionError(
            f"scikit-learn {foreign.versions['scikit-learn']} knows the classes {foreign.classes}, here they are {classes}."
            " Fit the pipeline again with the installed version."
        )


def _needs(pipeline: Any) -> tuple[list[str], list[str]]:
    """Return requirements and folders of the packages of a pipeline's steps, without scikit-learn's."""
    packages = {type(item).__module__.partition(".")[0] for item in held_objects(pipeline)}
    packages |= {str(getattr(item, "__module__", "")).partition(".")[0] for item in _functions(pipeline)}
    distributions: Mapping[str, list[str]] = packages_distributions()
    extra, paths = [], []
    for package in sorted(packages - set(_BUNDLED) - {""}):
        file = getattr(sys.modules.get(package), "__file__", None)
        if file is None:
            continue
        names = [name for name in distributions.get(package, []) if name != "tabento"]
        requirement = next(filter(None, map(requirement_of, names)), None)
        if requirement is not None:
            extra.append(requirement)
        elif package not in sys.stdlib_module_names:
            module = Path(file)
            paths.append(str(module.parent.parent if module.name == "__init__.py" else module.parent))
    return extra, list(dict.fromkeys(paths))


def _functions(pipeline: Any) -> Iterator[Any]:
    for item in held_objects(pipeline):
        yield from (value for value in getattr(item, "__dict__", {}).values() if callable(value))


def _wide(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values.reshape(len(values), -1)


def _first_index(mask: NDArray[np.bool_]) -> int:
    return int(np.argmax(mask))


def _answer_text(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.9g}" for value in values[:6])  # rounded: computed answers
