"""Runs in an environment with another version of scikit-learn: opens a pipeline there and writes its answers to given rows.

Nothing of Tabento is imported here. In come the pipeline's file and an ``.npz`` file with rows, out goes an ``.npz`` file
with numbers: no pickle crosses over. Exit codes: 0; 3 with a sentence on stderr if the pipeline cannot be opened.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # The folder of this file holds modules whose names others may want to import.
    del sys.path[0]

import argparse
import json
import platform
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import sklearn
from sklearn.base import is_classifier, is_outlier_detector

CALLS_MAX = 2_000
"""How many calls may go into finding out which rows of a table are refused."""
CANNOT_OPEN = 3


def opened(path: Path, allowed: list[str], trust_pickle: bool) -> Any:
    """Open a pipeline, under the same consent as in the process that asks.

    Raises:
        PermissionError: it is a pickle that nobody trusts, or a skops file with a type that is not allowed.
    """
    with path.open("rb") as stream:
        start = stream.read(4)
    if start == b"PK\x03\x04":
        import skops.io

        unknown = sorted(set(skops.io.get_untrusted_types(file=path)) - set(allowed))
        if unknown:
            raise PermissionError("it would create types that were not agreed to: " + ", ".join(unknown))
        return skops.io.load(path, trusted=allowed)
    if not trust_pickle:
        raise PermissionError("it is a pickle, which is opened only with --i-trust-this-file")
    return joblib.load(path)


def frame_of(questions: Any, table: str, columns: list[dict[str, Any]]) -> pd.DataFrame:
    """Return one table of the questions as the pipeline was given such: numbers, booleans, and text as objects."""
    series = {}
    for at, column in enumerate(columns):
        values = questions[f"{table}/{at}"]
        if column["kind"] == "text":
            texts = np.array([*column["texts"], None, np.nan], dtype=object)
            # Codes count from the end: -1 is NaN, -2 is None.
            series[column["name"]] = pd.Series(texts[values], dtype=object)
        else:
            series[column["name"]] = pd.Series(values)
    return pd.DataFrame(series, columns=[column["name"] for column in columns])


def classes_of(pipeline: Any) -> list[Any] | None:
    """Return the labels that a pipeline answers, None where it answers numbers."""
    if is_classifier(pipeline):
        classes: list[Any] = np.asarray(pipeline.classes_).tolist()
        return classes
    return [-1, 1] if is_outlier_detector(pipeline) else None


def answers_of(pipeline: Any, frame: pd.DataFrame, probabilities: bool) -> Any:
    """Return float64 of shape (N, W): numbers, or the index of the label and the probabilities behind it."""
    classes = classes_of(pipeline)
    if classes is None:
        numbers = np.asarray(pipeline.predict(frame), dtype=np.float64)
        return numbers.reshape(len(frame), -1)
    places = {label: float(at) for at, label in enumerate(classes)}
    labels = [places.get(label, np.nan) for label in np.asarray(pipeline.predict(frame)).ravel().tolist()]
    parts = [np.array(labels, dtype=np.float64)[:, np.newaxis]]
    if probabilities:
        parts.append(np.asarray(pipeline.predict_proba(frame), dtype=np.float64))
    return np.concatenate(parts, axis=1)


def ask(pipeline: Any, frame: pd.DataFrame, probabilities: bool) -> tuple[Any, Any, str]:
    """Ask for a table's answers; rows that the pipeline refuses are found by halves.

    Returns:
        The answers (N, W) with NaN in rows without one, which rows have one (N,), and the first error in words.
    """
    answers, answered, error, calls = None, np.zeros(len(frame), dtype=bool), "", 0
    pending = [np.arange(len(frame))]
    while pending and calls < CALLS_MAX:
        places = pending.pop()
        if not len(places):
            continue
        calls += 1
        try:
            part = answers_of(pipeline, frame.iloc[places].reset_index(drop=True), probabilities)
        except Exception as problem:  # a pipeline may raise anything
            error = error or f"{type(problem).__name__}: {' '.join(str(problem).split())}"[:400]
            if len(places) > 1:
                pending += [places[: len(places) // 2], places[len(places) // 2 :]]
            continue
        if answers is None:
            answers = np.full((len(frame), part.shape[1]), np.nan)
        answers[places] = part
        answered[places] = True
    return np.full((len(frame), 0), np.nan) if answers is None else answers, answered, error


def main(arguments: list[str] | None = None) -> int:
    """Answer the questions of one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipeline", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--i-trust-this-file", action="store_true")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    with np.load(given.questions, allow_pickle=False) as questions:
        asked = json.loads(questions["asked"].tobytes())
        try:
            pipeline = opened(given.pipeline, asked["allowed"], given.i_trust_this_file)
        except Exception as problem:  # whatever a file provokes
            print(f"{type(problem).__name__}: {' '.join(str(problem).split())}", file=sys.stderr)  # noqa: T201
            return CANNOT_OPEN
        found: dict[str, Any] = {}
        errors = {}
        for table, columns in asked["tables"].items():
            frame = frame_of(questions, table, columns)
            found[f"{table}/answers"], found[f"{table}/answered"], errors[table] = ask(
                pipeline, frame, asked["probabilities"]
            )
    told = {
        "errors": errors,
        "classes": classes_of(pipeline),
        "versions": {
            "python": platform.python_version(),
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "pandas": pd.__version__,
        },
    }
    found["told"] = np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)
    np.savez(given.answers, **found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
