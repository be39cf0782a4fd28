"""The contestants: each converts a fitted pipeline as its own documentation shows it.

Some convert a whole pipeline. Others convert its last estimator only; then the previous steps stay in scikit-learn, and
only the contestant's part is timed. Each function imports its contestant's library itself, because each contestant runs in
an environment of its own.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from benchmarks.league.case import Case

AnswerFunction = Callable[[Any], tuple[NDArray[Any], NDArray[np.float64] | None]]
"""A function from rows to labels or numbers, and probabilities or None."""


class NotForItError(Exception):
    """The contestant does not support pipelines of this kind."""


@dataclass(frozen=True)
class ConvertedPipeline:
    """A pipeline that a contestant has converted."""

    prepare: Callable[[pd.DataFrame], Any]
    """The function from rows to the contestant's input; it is not timed."""
    answer: AnswerFunction
    is_whole: bool
    """Whether the whole pipeline was converted. If not, its last estimator only."""


def last_estimator(case: Case) -> tuple[Callable[[pd.DataFrame], NDArray[Any]], Any]:
    """Return the steps before the last estimator as a function to a dense matrix, and the estimator.

    Raises:
        NotForItError: the estimator itself reads texts.
    """
    pipeline = case.pipeline
    if not isinstance(pipeline, Pipeline) or len(pipeline.steps) == 1:
        estimator = pipeline.steps[-1][1] if isinstance(pipeline, Pipeline) else pipeline
        if case.texts:
            raise NotForItError("it takes numbers only")
        return (lambda frame: frame.to_numpy(dtype=np.float64)), estimator
    front, estimator = pipeline[:-1], pipeline.steps[-1][1]

    def prepare(frame: pd.DataFrame) -> NDArray[Any]:
        matrix = front.transform(frame)
        matrix = matrix.toarray() if hasattr(matrix, "toarray") else matrix
        return np.ascontiguousarray(np.asarray(matrix, dtype=np.float64))

    return prepare, estimator


def _sklearn_onnx(case: Case, number: Any, dtype: Any) -> ConvertedPipeline:
    import onnxruntime
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import StringTensorType

    _register_boosters()
    pipeline = case.pipeline
    # A classifier without probabilities does not have the option.
    zips = is_classifier(pipeline) and hasattr(pipeline, "predict_proba")
    options = {id(pipeline): {"zipmap": False}} if zips else None
    first = pipeline.steps[0][1] if isinstance(pipeline, Pipeline) else pipeline
    by_column = isinstance(first, ColumnTransformer)
    names = list(case.frame.columns)
    if by_column:
        types = [(name, (StringTensorType if name in case.texts else number)([None, 1])) for name in names]
    else:
        types = [("X", number([None, len(names)]))]
    model = convert_sklearn(pipeline, initial_types=types, options=options)
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = 1
    session_options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), session_options, providers=["CPUExecutionProvider"]
    )

    def prepare(frame: pd.DataFrame) -> Any:
        with np.errstate(over="ignore"):
            if not by_column:
                return {"X": frame.to_numpy(dtype=dtype)}
            return {
                name: frame[name].to_numpy(dtype=object if name in case.texts else dtype).reshape(-1, 1)
                for name in names
            }

    def answer(values: Any) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        outputs = session.run(None, values)
        return outputs[0], outputs[1] if len(outputs) > 1 else None

    return ConvertedPipeline(prepare, answer, is_whole=True)


def _register_boosters() -> None:
    """Register XGBoost and LightGBM in skl2onnx, as onnxmltools documents it."""
    import lightgbm
    import xgboost
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    for kind, alias, convert in (
        (xgboost.XGBClassifier, "XGBoostXGBClassifier", convert_xgboost),
        (lightgbm.LGBMClassifier, "LightGbmLGBMClassifier", convert_lightgbm),
    ):
        update_registered_converter(
            kind, alias, calculate_linear_classifier_output_shapes, convert, overwrite=True, options=options
        )
    for kind, alias, convert in (
        (xgboost.XGBRegressor, "XGBoostXGBRegressor", convert_xgboost),
        (lightgbm.LGBMRegressor, "LightGbmLGBMRegressor", convert_lightgbm),
    ):
        update_registered_converter(
            kind, alias, calculate_linear_regressor_output_shapes, convert, overwrite=True, options={"split": None}
        )


def sklearn_onnx(case: Case) -> ConvertedPipeline:
    """skl2onnx with onnxmltools, float32 inputs, as both documentations show."""
    from skl2onnx.common.data_types import FloatTensorType

    return _sklearn_onnx(case, FloatTensorType, np.float32)


def sklearn_onnx_double(case: Case) -> ConvertedPipeline:
    """skl2onnx with onnxmltools, float64 inputs, as skl2onnx's page on discrepancies recommends."""
    from skl2onnx.common.data_types import DoubleTensorType

    return _sklearn_onnx(case, DoubleTensorType, np.float64)


def hummingbird(case: Case) -> ConvertedPipeline:
    """Hummingbird to PyTorch: the whole pipeline, on an array of float64, as its notebooks show."""
    import torch
    from hummingbird.ml import convert

    torch.set_num_threads(1)
    if case.texts:
        raise NotForItError("it takes numbers only")
    rows = case.frame.to_numpy(dtype=np.float64)
    model = convert(case.pipeline, "pytorch", rows[:2])

    def answer(values: Any) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        if case.classes is None:
            return np.asarray(model.predict(values)), None
        if not case.probabilities:
            return np.asarray(model.predict(values)), None
        chances = np.asarray(model.predict_proba(values))
        return np.asarray(model.predict(values)), chances

    return ConvertedPipeline(lambda frame: frame.to_numpy(dtype=np.float64), answer, is_whole=True)


def m2cgen(case: Case) -> ConvertedPipeline:
    """m2cgen to C, compiled by gcc -O2: the last estimator; its code receives and returns doubles."""
    from m2cgen import export_to_c

    prepare, estimator = last_estimator(case)
    code = export_to_c(estimator)
    folder = Path(tempfile.mkdtemp(prefix="m2cgen-"))
    several = "double * output" in code
    (folder / "model.c").write_text(code)
    library = folder / "model.so"
    subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", library, folder / "model.c", "-lm"],  # noqa: S607 - gcc is where the user's PATH has it
        check=True,
        capture_output=True,
    )
    score = ctypes.CDLL(str(library)).score
    pointer = ctypes.POINTER(ctypes.c_double)
    score.restype = None if several else ctypes.c_double
    score.argtypes = [pointer, pointer] if several else [pointer]
    width = case.expected.shape[1] - (case.classes is not None)
    width = max(width, len(case.classes or ()))

    def answer(values: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        answers = np.empty((len(values), width if several else 1))
        for index, row in enumerate(values):
            start = row.ctypes.data_as(pointer)
            if several:
                score(start, answers[index].ctypes.data_as(pointer))
            else:
                answers[index, 0] = score(start)
        if case.classes is None:
            return answers, None
        if several:
            return np.asarray(case.classes, dtype=object)[answers.argmax(axis=1)], answers
        # One number for two classes is the decision.
        labels = np.asarray(case.classes, dtype=object)[(answers[:, 0] > 0).astype(int)]
        return labels, None

    return ConvertedPipeline(prepare, answer, is_whole=False)


def tl2cgen(case: Case) -> ConvertedPipeline:
    """Treelite and TL2cgen to C, compiled by gcc: the last estimator, which must be an ensemble of trees."""
    import tl2cgen as compiler
    import treelite

    prepare, estimator = last_estimator(case)
    module = type(estimator).__module__.split(".")[0]
    if module == "sklearn":
        model = treelite.sklearn.import_model(estimator)
    elif module == "xgboost":
        model = treelite.frontend.from_xgboost(estimator.get_booster())
    elif module == "lightgbm":
        model = treelite.frontend.from_lightgbm(estimator.booster_)
    else:
        raise NotForItError(f"it does not read {module}")
    folder = Path(tempfile.mkdtemp(prefix="tl2cgen-"))
    compiler.export_lib(model, toolchain="gcc", libpath=str(folder / "model.so"), params={"parallel_comp": 2})
    predictor = compiler.Predictor(str(folder / "model.so"), nthread=1)
    dtype = np.float32 if model.input_type == "float32" else np.float64

    def answer(values: Any) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        answers = np.asarray(predictor.predict(values))
        return _of_scores(case, answers.reshape(len(answers), -1))

    return ConvertedPipeline(
        lambda frame: compiler.DMatrix(prepare(frame).astype(dtype), dtype=str(np.dtype(dtype))), answer, is_whole=False
    )


def lleaves(case: Case) -> ConvertedPipeline:
    """lleaves, LLVM code for LightGBM: the last estimator, which must be a model of LightGBM."""
    import lleaves as compiler

    prepare, estimator = last_estimator(case)
    if type(estimator).__module__.split(".")[0] != "lightgbm":
        raise NotForItError("it reads LightGBM only")
    folder = Path(tempfile.mkdtemp(prefix="lleaves-"))
    estimator.booster_.save_model(str(folder / "model.txt"))
    model = compiler.Model(model_file=str(folder / "model.txt"))
    model.compile()

    def answer(values: Any) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        return _of_scores(case, np.asarray(model.predict(values, n_jobs=1)).reshape(len(values), -1))

    return ConvertedPipeline(prepare, answer, is_whole=False)


def ydf(case: Case) -> ConvertedPipeline:
    """Yggdrasil Decision Forests: the last estimator, which must be a readable tree ensemble of scikit-learn."""
    import ydf as library

    prepare, estimator = last_estimator(case)
    if type(estimator).__module__.split(".")[0] != "sklearn":
        raise NotForItError("it reads scikit-learn's trees only")
    model = library.from_sklearn(estimator)

    def answer(values: Any) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        return _of_scores(case, np.asarray(model.predict(values)).reshape(len(values["features"]), -1))

    return ConvertedPipeline(lambda frame: {"features": prepare(frame)}, answer, is_whole=False)


def emlearn(case: Case) -> ConvertedPipeline:
    """emlearn, C for microcontrollers, its inline method: the last estimator."""
    import emlearn as library

    prepare, estimator = last_estimator(case)
    model = library.convert(estimator, method="inline", dtype="float")

    def answer(values: Any) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        answers = np.asarray(model.predict(values))
        if case.classes is None:
            return answers, None
        return np.asarray(case.classes, dtype=object)[answers.astype(int)], None

    return ConvertedPipeline(prepare, answer, is_whole=False)


def _of_scores(case: Case, scores: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    """Turn probabilities, of the second class or of each, into labels with probabilities; numbers stay."""
    if case.classes is None:
        return scores, None
    if scores.shape[1] == 1:
        scores = np.concatenate([1 - scores, scores], axis=1)
    return np.asarray(case.classes, dtype=object)[scores.argmax(axis=1)], scores.astype(np.float64)


CONTESTANTS: dict[str, Callable[[Case], ConvertedPipeline]] = {
    "skl2onnx": sklearn_onnx,
    "skl2onnx, double": sklearn_onnx_double,
    "hummingbird": hummingbird,
    "m2cgen": m2cgen,
    "tl2cgen": tl2cgen,
    "lleaves": lleaves,
    "ydf": ydf,
    "emlearn": emlearn,
}
WHOLE_PIPELINES = frozenset(["skl2onnx", "skl2onnx, double", "hummingbird"])
"""The contestants that convert whole pipelines; the others convert the last estimator."""
ENVIRONMENTS = {name: name.partition(",")[0] for name in CONTESTANTS}
"""The file of ``requirements/`` of each contestant's environment."""
