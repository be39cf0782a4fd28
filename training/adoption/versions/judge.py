"""The version that fitted a pipeline judges its import: its own answers are what pipeline and graph are compared with.

Asked are the sample as pandas reads it and the rows of the proof: those of the sample as requests bring them, and the
hostile ones. What differs beyond the limit stops the import. Hostile rows may lie on a threshold to the last bit, so that
another numpy takes the other side; such a row is let through only if the pipeline here gives that answer as well, in
another batch or to a row beside it.
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

from bundle.contract import Contract
from training.adoption.errors import AdoptionError
from training.adoption.load import Loaded
from training.adoption.versions.environment import Environment, checked_version, open_environment, requirement_of
from training.adoption.versions.exchange import ForeignAnswers, Question, ask_there
from training.adoption.versions.schema import type_names
from training.adoption.versions.upgrade import held_objects
from training.export.convert import plain_graph
from training.frames import to_frame
from training.parity.answers import pipeline_answers
from training.parity.branches import BranchProbe
from training.parity.cuts import cuts_of
from training.parity.hostile_rows import Rows, hostile_rows, keeps_contract
from training.parity.knife_edges import KnifeEdges
from training.parity.report import Limits
from training.parity.sessions import answers, open_session, single_precision_operators
from training.parity.steadiness import Steadiness

AUTO = "auto"
SAMPLE, PROOF = "sample", "proof"
SINGLE_LIMIT = 1e-5
"""The relative difference that is allowed where an operator computes in float32, as in ``training.parity.check``."""
NEAR = 1e-12
"""How near to a row the pipeline must give the judge's answer, relative to the row's numbers, if it does not give it to the
row itself: another numpy may add up in another order."""
_BUNDLED = ("builtins", "functools", "numpy", "scipy", "sklearn", "joblib", "pandas", "collections", "skops")
"""Packages that an environment has anyway."""
_SHOWN = 3

Environments = Callable[[str, Any], tuple[Environment, list[str]]]
"""Gives for a version and a pipeline what ``environment_for`` gives."""


@dataclass(frozen=True)
class Verdict:
    """How far pipeline and graph are from the version that fitted the pipeline."""

    sklearn: str
    """The version that was asked."""
    rows: int
    """How many rows were compared."""
    worst_relative: float
    """The largest relative difference of a number."""
    unsteady: int
    """Hostile rows that the pipeline itself does not answer in one way."""

    def in_words(self) -> str:
        """Return the figures as a remark."""
        unsteady = f", {self.unsteady:,} undecided" if self.unsteady else ""
        return (
            f"scikit-learn {self.sklearn} itself answers the same: worst relative difference {self.worst_relative:.2g} in"
            f" {self.rows:,} rows{unsteady}"
        )


@dataclass(frozen=True)
class Case:
    """What is to be judged."""

    path: Path
    """The pipeline's file."""
    loaded: Loaded
    pipeline: Any
    """The pipeline that takes the service's frames, and was exported."""
    model: bytes
    """The serialised graph."""
    contract: Contract
    sample: pd.DataFrame
    """The sample as pandas reads it."""
    sample_answers: NDArray[np.float64]
    """The answers to it here, (N,) or (N, W)."""
    packed: NDArray[np.float64]
    """The rows of the proof, (N, F)."""
    limits: Limits
    max_rows: int
    """About how many rows are compared."""


def wanted_version(option: str | None, loaded: Loaded) -> str | None:
    """Return the version of scikit-learn that is to be asked, None if nobody is.

    Raises:
        AdoptionError: ``auto`` was said of a file that names no version; what was said is no version.
    """
    if option is None:
        return None
    if option != AUTO:
        return checked_version(option)
    if loaded.fitted_with.version is None:
        raise AdoptionError(
            f"{loaded.source} does not say which version of scikit-learn has fitted it, so --sklearn auto cannot choose"
            " one. Say --sklearn VERSION, or leave it out."
        )
    return loaded.fitted_with.version if loaded.fitted_with.differs else None


def environment_for(sklearn: str, pipeline: Any) -> tuple[Environment, list[str]]:
    """Return an environment that can open a pipeline, and folders from which its own steps are imported there.

    Raises:
        AdoptionError: it cannot be made.
    """
    extra, paths = _needs(pipeline)
    return open_environment(sklearn, extra), paths


def judge(case: Case, environment: Environment, paths: Sequence[str]) -> Verdict:
    """Compare pipeline and graph with the answers of the version that fitted the pipeline.

    Raises:
        AdoptionError: it cannot be asked, or answers otherwise; the message names the rows.
    """
    rows = _proof_rows(case)
    there = ask_there(_question(case, rows, paths), environment)
    _require_classes(there, case.contract)
    sample = there.tables[SAMPLE]
    if not sample.answered.all():
        raise AdoptionError(
            f"scikit-learn {environment.sklearn} cannot answer row {_first(~sample.answered) + 1} of the sample:"
            f" {sample.error}. Give rows as the pipeline was fitted on."
        )
    single = single_precision_operators(onnx.ModelProto.FromString(case.model))
    limit = max(case.limits.relative, SINGLE_LIMIT) if single else case.limits.relative
    comparison = _Comparison(case, environment.sklearn, limit, sample.answers)
    comparison.require(sample.answers, _wide(case.sample_answers), "the pipeline as it was read here", case.sample)
    proof = there.tables[PROOF]
    if not proof.answered.all():
        raise AdoptionError(comparison.refused(rows, proof.answered, proof.error))
    here = _wide(pipeline_answers(case.pipeline, rows.frame, case.contract))
    graph = _wide(answers(open_session(case.model), rows.packed))
    comparison.require(proof.answers, here, "the pipeline as it was read here", rows.frame, rows)
    comparison.require(proof.answers, graph, "the exported graph", rows.frame, rows)
    return Verdict(
        environment.sklearn, len(rows.packed) + len(case.sample), comparison.worst_relative, comparison.unsteady
    )


class _Comparison:
    """Compares answers with those of the judge."""

    def __init__(self, case: Case, sklearn: str, limit: float, sample: NDArray[np.float64]) -> None:
        self._case = case
        self._sklearn = sklearn
        self._limit = limit
        self._labels = len(case.contract.output.label_sets)
        self._typical = np.abs(sample[:, self._labels :]).mean(axis=0)
        self._excused = np.zeros(0, dtype=bool)
        self.worst_relative = 0.0

    @property
    def unsteady(self) -> int:
        """How many rows were let through as unsteady."""
        return int(self._excused.sum())

    def require(
        self,
        expected: NDArray[np.float64],
        got: NDArray[np.float64],
        whose: str,
        frame: pd.DataFrame,
        rows: Rows | None = None,
    ) -> None:
        """Compare two sets of answers, shape (N, W).

        Raises:
            AdoptionError: they differ.
        """
        from training.parity.figures import differences

        if expected.shape != got.shape:
            raise AdoptionError(
                f"scikit-learn {self._sklearn} answers {expected.shape[1]} numbers a row, {whose} {got.shape[1]}."
                " Fit the pipeline again with the installed version."
            )
        labels = (expected[:, : self._labels] != got[:, : self._labels]).any(axis=1)
        _, relative = differences(expected[:, self._labels :], got[:, self._labels :], self._typical)
        largest = np.maximum(relative.max(axis=1, initial=0.0), 2.0 * labels)
        wrong = np.flatnonzero(largest > self._limit)
        if len(wrong) and rows is not None:
            excused = np.zeros(len(expected), dtype=bool)
            excused[wrong] = self._is_unsteady(rows, wrong, expected, got)
            self._excused = excused if not len(self._excused) else self._excused | excused
            largest = np.where(excused, 0.0, largest)
            wrong = np.flatnonzero(largest > self._limit)
        self.worst_relative = max(self.worst_relative, float(largest.max(initial=0.0)))
        if not len(wrong):
            return
        worst = wrong[np.argsort(-largest[wrong], kind="stable")[:_SHOWN]]
        lines = [
            f"  {frame.iloc[row].to_dict()}: {_shown(expected[row])} from {self._sklearn}, {_shown(got[row])} here"
            for row in worst
        ]
        raise AdoptionError(
            f"{whose} does not answer what scikit-learn {self._sklearn} answers: {len(wrong):,} of {len(expected):,} rows"
            " differ, the worst:\n"
            + "\n".join(lines)
            + "\nNothing was stored. Fit the pipeline again with the installed"
            " version and import that."
        )

    def refused(self, rows: Rows, answered: NDArray[np.bool_], error: str) -> str:
        """Say that the judge refuses rows that the contract allows and the installed version answers."""
        row = _first(~answered)
        return (
            f"scikit-learn {self._sklearn} refuses {int((~answered).sum()):,} of {len(answered):,} rows that the config"
            f" allows, such as {rows.frame.iloc[row].to_dict()}: {error}. Narrow the config (nullable, unknown, minimum,"
            " maximum), or fit the pipeline again with the installed version."
        )

    def _is_unsteady(
        self, rows: Rows, places: NDArray[np.intp], expected: NDArray[np.float64], got: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Say which of some rows the pipeline itself does not answer in one way."""
        case = self._case
        served = onnx.ModelProto.FromString(case.model)
        plain = plain_graph(case.pipeline, case.contract)
        probe = BranchProbe(case.pipeline, served, case.contract, plain)
        edges = KnifeEdges(case.pipeline, case.contract, plain.steps, rows.frame, case.limits)
        both = [got[places], expected[places]]
        found = edges.distances(rows.frame.iloc[places], both, jumps=True) <= NEAR
        steadiness = Steadiness(case.pipeline, case.contract, probe, rows.frame)
        rest = places[~found]
        verdict = steadiness.judge(rows.frame.iloc[rest], [got[rest], expected[rest]], self._typical, self._limit)
        found[~found] = verdict.excused
        return found


def _proof_rows(case: Case) -> Rows:
    """Return the rows of the proof: those of the sample and hostile ones, of which the pipeline here answers each."""
    contract, count = case.contract, min(len(case.packed), max(case.max_rows // 2, 1))
    packed = case.packed[np.linspace(0, len(case.packed) - 1, count).astype(np.intp)]
    cuts = cuts_of(plain_graph(case.pipeline, contract))
    kinds = [Rows("test", packed, to_frame(packed, contract))]
    room = max(case.max_rows - len(packed), case.max_rows // 2)
    kinds += hostile_rows(case.pipeline, contract, packed, cuts, room)
    kept = [rows.select(np.flatnonzero(keeps_contract(rows.packed, contract))) for rows in kinds]
    frame = pd.concat([rows.frame for rows in kept if len(rows.packed)], ignore_index=True)
    rows = Rows(PROOF, np.concatenate([rows.packed for rows in kept]), frame)
    return rows.select(_answered_here(case, rows.frame))


def _answered_here(case: Case, frame: pd.DataFrame) -> NDArray[np.intp]:
    from training.parity.check import answered_rows

    places, _, _ = answered_rows(case.pipeline, frame, case.contract)
    return places


def _question(case: Case, rows: Rows, paths: Sequence[str]) -> Question:
    proof = rows.frame
    if case.pipeline is not case.loaded.pipeline and isinstance(case.pipeline, Pipeline):
        # The step in front turns None into NaN; the file does not have it.
        proof = case.pipeline[:-1].transform(proof)
    skops = case.loaded.kind == "skops"
    content = case.path.read_bytes()
    if hashlib.sha256(content).hexdigest() != case.loaded.sha256:
        raise AdoptionError(f"{case.path} has changed since the import began. Give the same command again.")
    return Question(
        content=content,
        tables={SAMPLE: case.sample, PROOF: proof},
        probabilities=case.contract.output.classes is not None and case.contract.output.probabilities,
        # All of its types were audited when it was loaded.
        allowed=type_names(content) if skops else (),
        trust_pickle=not skops,
        paths=paths,
    )


def _require_classes(there: ForeignAnswers, contract: Contract) -> None:
    promised = None if contract.output.classes is None else list(contract.output.classes)
    if there.classes != promised:
        raise AdoptionError(
            f"scikit-learn {there.versions['scikit-learn']} knows the classes {there.classes}, here they are {promised}."
            " Fit the pipeline again with the installed version."
        )


def _needs(pipeline: Any) -> tuple[list[str], list[str]]:
    """Return requirements and folders of the packages from which a pipeline's steps come, other than scikit-learn's."""
    tops = {type(item).__module__.partition(".")[0] for item in held_objects(pipeline)}
    tops |= {str(getattr(item, "__module__", "")).partition(".")[0] for item in _functions(pipeline)}
    distributions: Mapping[str, list[str]] = packages_distributions()
    extra, paths = [], []
    for top in sorted(tops - set(_BUNDLED) - {""}):
        file = getattr(sys.modules.get(top), "__file__", None)
        if file is None:
            continue
        names = [name for name in distributions.get(top, []) if name != "tabento"]
        requirement = next(filter(None, map(requirement_of, names)), None)
        if requirement is not None:
            extra.append(requirement)
        elif top not in sys.stdlib_module_names:
            module = Path(file)
            paths.append(str(module.parent.parent if module.name == "__init__.py" else module.parent))
    return extra, list(dict.fromkeys(paths))


def _functions(pipeline: Any) -> Iterator[Any]:
    for item in held_objects(pipeline):
        yield from (value for value in getattr(item, "__dict__", {}).values() if callable(value))


def _wide(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values.reshape(len(values), -1)


def _first(mask: NDArray[np.bool_]) -> int:
    return int(np.argmax(mask))


def _shown(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.9g}" for value in values[:6])  # rounded: computed answers
