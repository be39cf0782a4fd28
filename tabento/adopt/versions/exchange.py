"""The exchange with a pipeline in another environment: rows and answers are arrays, and nothing is unpickled here."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabento.adopt.errors import AdoptionError
from tabento.adopt.versions.environment import Environment

_NAN, _NONE = -1, -2
"""The codes of missing text, counted from the end of a column's list of texts."""


@dataclass(frozen=True)
class Question:
    """The rows for a pipeline, and the user's consent to open its file."""

    content: bytes
    """The pipeline's file, as checked here; its path is not read a second time."""
    tables: Mapping[str, pd.DataFrame]
    """By name, the rows in the types of the pipeline's input."""
    probabilities: bool
    """Whether a classifier's probabilities are requested."""
    allowed: Sequence[str] = ()
    """The types that a skops file may create."""
    trust_pickle: bool = False
    """Whether a pickle may be opened."""
    paths: Sequence[str] = ()
    """The folders of its own steps' modules."""


@dataclass(frozen=True)
class TableAnswers:
    """The answers to one table."""

    answers: NDArray[np.float64]
    """(N, W): numbers, or the index of the label, then the probabilities; NaN in rows without an answer."""
    answered: NDArray[np.bool_]
    """The mask of answered rows, shape (N,)."""
    error: str
    """The error on the first row without an answer."""


@dataclass(frozen=True)
class ForeignAnswers:
    """The answers of the pipeline in the other environment."""

    tables: Mapping[str, TableAnswers]
    classes: list[bool | int | float | str] | None
    versions: Mapping[str, str]
    """The versions of Python, scikit-learn, numpy and pandas there."""


def answer_in_environment(question: Question, environment: Environment) -> ForeignAnswers:
    """Open a pipeline in another environment and return its answers from there.

    Raises:
        AdoptionError: the pipeline cannot be opened there, or its answers cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="tabento-") as folder:
        questions, answers = Path(folder) / "questions.npz", Path(folder) / "answers.npz"
        np.savez(questions, allow_pickle=False, **_arrays(question))
        pipeline = Path(folder) / "pipeline"
        pipeline.write_bytes(question.content)
        arguments = [str(pipeline), str(questions), str(answers)]
        arguments += ["--i-trust-this-file"] if question.trust_pickle else []
        try:
            code, output = environment.answer(arguments, question.paths)
        except subprocess.TimeoutExpired as error:
            raise AdoptionError(
                f"scikit-learn {environment.sklearn} had not answered after {error.timeout:.0f} s. Give a smaller sample."
            ) from None
        except OSError as error:
            raise AdoptionError(
                f"the environment of scikit-learn {environment.sklearn} does not run: {error}. Remove"
                f" {environment.python.parent.parent} and try again."
            ) from error
        if code or not answers.exists():
            raise AdoptionError(
                f"the pipeline cannot be opened in an environment with scikit-learn {environment.sklearn}:"
                f" {' '.join(output.split())[-600:] or f'exit code {code}'}. If another version has fitted it, say"
                " --sklearn VERSION."
            )
        return _read(answers, question, environment)


def _arrays(question: Question) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    tables: dict[str, list[dict[str, Any]]] = {}
    for table, frame in question.tables.items():
        tables[table] = []
        for index, name in enumerate(frame.columns):
            arrays[f"{table}/{index}"], description = _column(frame[name])
            tables[table].append({"name": str(name), **description})
    request = {"tables": tables, "probabilities": question.probabilities, "allowed": list(question.allowed)}
    # The texts can hold half of a pair of surrogates, which JSON escapes.
    arrays["asked"] = np.frombuffer(json.dumps(request, ensure_ascii=True).encode(), dtype=np.uint8)
    return arrays


def _column(values: pd.Series[Any]) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return a column as an array without objects, and the meaning of its codes."""
    if values.dtype.kind in "fiub" and isinstance(values.dtype, np.dtype):
        return values.to_numpy(), {"kind": "number"}
    texts: dict[str, int] = {}
    codes = np.empty(len(values), dtype=np.int64)
    for row, value in enumerate(values.to_numpy(dtype=object)):
        if value is None:
            codes[row] = _NONE
        elif isinstance(value, float) or value is pd.NA:
            codes[row] = _NAN
        else:
            codes[row] = texts.setdefault(str(value), len(texts))
    return codes, {"kind": "text", "texts": list(texts)}


def _read(path: Path, question: Question, environment: Environment) -> ForeignAnswers:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            report = json.loads(arrays["told"].tobytes())
            tables = {
                table: TableAnswers(
                    np.asarray(arrays[f"{table}/answers"], dtype=np.float64),
                    np.asarray(arrays[f"{table}/answered"], dtype=np.bool_),
                    str(report["errors"][table]),
                )
                for table in question.tables
            }
        wrong = [table for table, frame in question.tables.items() if len(tables[table].answers) != len(frame)]
        if wrong:
            raise ValueError(f"another number of rows than was requested in {wrong[0]}")
        return ForeignAnswers(tables, report["classes"], dict(report["versions"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AdoptionError(
            f"the answers of scikit-learn {environment.sklearn} cannot be read: {error}. Try again."
        ) from error
