"""The script for an environment with another version of scikit-learn: it opens a pipeline and writes its answers to rows.

It imports nothing of Tabento. It reads the pipeline's file and an ``.npz`` file with rows, and writes an ``.npz`` file with
numbers. No pickle is returned. Exit codes: 0; 3 with a sentence on stderr if the pipeline cannot be opened.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # The folder of this file has modules with common names, which would hide other modules.
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
"""The largest number of calls in the search for the refused rows of a table."""
CANNOT_OPEN = 3


def open_pipeline(path: Path, allowed: list[str], trust_pickle: bool) -> Any:
    """Open a pipeline, under the same consent as in the calling process.

    Raises:
        PermissionError: it is a pickle that the user does not trust, or a skops file with a type that is not allowed.
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
    """Return one table of the questions with the types of the pipeline's input: numbers, booleans, and text as objects."""
    series = {}
    for index, column in enumerate(columns):
        values = questions[f"{table}/{index}"]
        if column["kind"] == "text":
            texts = np.array([*column["texts"], None, np.nan], dtype=object)
            # Codes count from the end: -1 is NaN, -2 is None.
            series[column["name"]] = pd.Series(texts[values], dtype=object)
        else:
            series[column["name"]] = pd.Series(values)
    return pd.DataFrame(series, columns=[column["name"] for column in columns])


def classes_of(pipeline: Any) -> list[Any] | None:
    """Return the labels of a pipeline, or None if it answers numbers."""
    if is_classifier(pipeline):
        classes: list[Any] = np.asarray(pipeline.classes_).tolist()
        return classes
    return [-1, 1] if is_outlier_detector(pipeline) else None


def answers_of(pipeline: Any, frame: pd.DataFrame, probabilities: bool) -> Any:
    """Return float64 of shape (N, W): numbers, or the index of the label, then the probabilities."""
    classes = classes_of(pipeline)
    if classes is None:
        numbers = np.asarray(pipeline.predict(frame), dtype=np.float64)
        return numbers.reshape(len(frame), -1)
    indices = {label: float(index) for index, label in enumerate(classes)}
    labels = [indices.get(label, np.nan) for label in np.asarray(pipeline.predict(frame)).ravel().tolist()]
    parts = [np.array(labels, dtype=np.float64)[:, np.newaxis]]
    if probabilities:
        parts.append(np.asarray(pipeline.predict_proba(frame), dtype=np.float64))
    return np.concatenate(parts, axis=1)


def answer_table(pipeline: Any, frame: pd.DataFrame, probabilities: bool) -> tuple[Any, Any, str]:
    """Return the answers to a table. A search by halves finds the rows that the pipeline refuses.

    Returns:
        The answers (N, W) with NaN in refused rows, the mask of answered rows (N,), and the text of the first error.
    """
    answers, is_answered, error, calls = None, np.zeros(len(frame), dtype=bool), "", 0
    pending = [np.arange(len(frame))]
    while pending and calls < CALLS_MAX:
        indices = pending.pop()
        if not len(indices):
            continue
        calls += 1
        try:
            part = answers_of(pipeline, frame.iloc[indices].reset_index(drop=True), probabilities)
        except Exception as problem:  # a pipeline can raise any error
            error = error or f"{type(problem).__name__}: {' '.join(str(problem).split())}"[:400]
            if len(indices) > 1:
                pending += [indices[: len(indices) // 2], indices[len(indices) // 2 :]]
            continue
        if answers is None:
            answers = np.full((len(frame), part.shape[1]), np.nan)
        answers[indices] = part
        is_answered[indices] = True
    return np.full((len(frame), 0), np.nan) if answers is None else answers, is_answered, error


def main(arguments: list[str] | None = None) -> int:
    """Answer the questions of one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipeline", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--i-trust-this-file", action="store_true")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    with np.load(options.questions, allow_pickle=False) as questions:
        request = json.loads(questions["asked"].tobytes())
        try:
            pipeline = open_pipeline(options.pipeline, request["allowed"], options.i_trust_this_file)
        except Exception as problem:  # a file can cause any error
            print(f"{type(problem).__name__}: {' '.join(str(problem).split())}", file=sys.stderr)  # noqa: T201
            return CANNOT_OPEN
        arrays: dict[str, Any] = {}
        errors = {}
        for table, columns in request["tables"].items():
            frame = frame_of(questions, table, columns)
            arrays[f"{table}/answers"], arrays[f"{table}/answered"], errors[table] = answer_table(
                pipeline, frame, request["probabilities"]
            )
    report = {
        "errors": errors,
        "classes": classes_of(pipeline),
        "versions": {
            "python": platform.python_version(),
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "pandas": pd.__version__,
        },
    }
    arrays["told"] = np.frombuffer(json.dumps(report).encode(), dtype=np.uint8)
    np.savez(options.answers, **arrays)
    return 0


if __name__ == "__main__":
    sys.exit(main())
