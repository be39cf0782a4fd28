"""Export: one input, one output, double throughout, the same bytes and the same answers."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

from tabento.bundle.contract import Contract
from tabento.export import ExportError, export_pipeline, serialise
from tabento.tables.frames import to_frame, to_rows
from tests.training.orchards import answers, orchard_config, orchard_frame
from training.model.pipeline import fit_pipeline


def test_graph_has_one_double_input_and_one_double_output(pipeline: Pipeline, contract: Contract) -> None:
    """The graph's input is `rows` of shape (N, F), its output `prediction` of shape (N,)."""
    body = export_pipeline(pipeline, contract).graph
    ends = [*body.input, *body.output]
    assert [end.name for end in ends] == ["rows", "prediction"]
    shapes = [[axis.dim_value or axis.dim_param for axis in end.type.tensor_type.shape.dim] for end in ends]
    assert shapes == [["N", 7], ["N"]]
    assert {end.type.tensor_type.elem_type for end in ends} == {onnx.TensorProto.DOUBLE}


@pytest.mark.parametrize("scale", ["identity", "sqrt", "log"])
def test_graph_answers_what_the_pipeline_answers(scale: str, contract: Contract, rows: NDArray[np.float64]) -> None:
    """Missing and unknown values included, on each scale of the target, within the rounding of exp."""
    config = orchard_config(estimator={**orchard_config().estimator.model_dump(), "target": scale})
    pipeline = fit_pipeline(config, orchard_frame(500))
    got = answers(serialise(export_pipeline(pipeline, contract)), rows)
    expected = pipeline.predict(to_frame(rows, contract))
    np.testing.assert_allclose(got, expected, rtol=1e-15 if scale == "log" else 0, atol=0)


def test_training_rows_lie_on_thresholds_and_still_agree(contract: Contract) -> None:
    """With more distinct places than bins, thresholds on similarities are training rows' own; each takes its branch."""
    config = orchard_config(estimator={"kind": "hist_gradient_boosting", "params": {"max_iter": 60, "max_bins": 16}})
    frame = orchard_frame(400)
    pipeline = fit_pipeline(config, frame)
    rows = to_rows(frame, contract)
    features = pipeline[:-1].transform(to_frame(rows, contract))
    nodes = np.concatenate([stage[0].nodes for stage in pipeline[-1]._predictors])
    clusters = (nodes["is_leaf"] == 0) & (nodes["feature_idx"] >= 6) & (nodes["feature_idx"] <= 8)
    assert np.isin(nodes["num_threshold"][clusters], features[:, 6:9]).any()
    got = answers(serialise(export_pipeline(pipeline, contract)), rows)
    np.testing.assert_array_equal(got, pipeline.predict(to_frame(rows, contract)))


def test_negative_root_is_clipped_in_the_graph_too(contract: Contract) -> None:
    """If the estimator answers below zero on the root's scale, graph and pipeline both answer zero."""
    config = orchard_config(estimator={"kind": "hist_gradient_boosting", "target": "sqrt", "params": {"max_iter": 3}})
    frame = orchard_frame(100)
    pipeline = fit_pipeline(config, frame)
    pipeline[-1].regressor_._baseline_prediction -= 100.0
    rows = to_rows(frame, contract)
    assert (pipeline.predict(to_frame(rows, contract)) == 0).all()
    assert (answers(serialise(export_pipeline(pipeline, contract)), rows) == 0).all()


def test_no_rows_give_no_answers(pipeline: Pipeline, contract: Contract) -> None:
    """An empty batch is answered by an empty array."""
    assert answers(serialise(export_pipeline(pipeline, contract)), np.empty((0, 7))).shape == (0,)


def test_same_pipeline_same_bytes(pipeline: Pipeline, contract: Contract) -> None:
    """Nothing in the file depends on time, memory addresses or chance."""
    first, second = (serialise(export_pipeline(pipeline, contract)) for _ in range(2))
    assert first == second


def test_preprocessing_is_packed(pipeline: Pipeline, contract: Contract) -> None:
    """The graph has one imputation for all columns, no string, no exponential before the trees and no unused node."""
    kinds = [node.op_type for node in export_pipeline(pipeline, contract).graph.node]
    assert kinds.count("IsNaN") == 1  # of numbers and the category that may be missing at once
    assert kinds.count("TreeEnsemble") == 1
    assert kinds.count("Concat") == 1
    assert kinds.count("Exp") == 1  # the target's
    assert not {"Identity", "Imputer", "ArrayFeatureExtractor", "LabelEncoder", "ZipMap"} & set(kinds)
    assert len(kinds) <= 16


def test_every_constant_is_read(pipeline: Pipeline, contract: Contract) -> None:
    """The file carries nothing that the graph does not use."""
    body = export_pipeline(pipeline, contract).graph
    read = {name for node in body.node for name in node.input}
    assert {tensor.name for tensor in body.initializer} <= read


def _fit_pipeline(transformer: object, columns: list[str], model: object, contract: Contract) -> Pipeline:
    frame = orchard_frame(100)
    pipeline = Pipeline([("columns", ColumnTransformer([("group", transformer, columns)])), ("model", model)])
    return pipeline.fit(to_frame(to_rows(frame, contract), contract), frame["apples"])


def test_columns_in_another_order_than_the_contracts(contract: Contract) -> None:
    """A group of all columns in reverse order takes them in that order; skl2onnx alone would not."""
    first = contract.model_copy(update={"features": contract.features[:3]})
    frame = orchard_frame(200)
    model = HistGradientBoostingRegressor(max_iter=10)
    columns = ColumnTransformer([("all", "passthrough", ["height", "crown width", "age"])])
    pipeline = Pipeline([("columns", columns), ("model", model)])
    rows = to_rows(frame, first)
    pipeline.fit(to_frame(rows, first), frame["apples"])
    got = answers(serialise(export_pipeline(pipeline, first)), rows)
    np.testing.assert_array_equal(got, pipeline.predict(to_frame(rows, first)))


class _Line(LinearRegression):  # type: ignore[misc] # scikit-learn has no types
    """An estimator of a user's own that computes something else than its base class."""

    def predict(self, X: object) -> object:
        return -super().predict(X)


def test_step_without_a_converter_is_refused(contract: Contract) -> None:
    """The error names the step, and the classes that can be converted."""
    pipeline = _fit_pipeline(BernoulliRBM(n_iter=1), ["age"], LinearRegression(), contract)
    with pytest.raises(
        ExportError, match=r"step 'columns/group'.*BernoulliRBM.*StandardScaler or KBinsDiscretizer"
    ) as error:
        export_pipeline(pipeline, contract)
    assert error.value.step == "columns/group"
    pipeline = _fit_pipeline(OneHotEncoder(sparse_output=False), ["sort"], _Line(), contract)
    with pytest.raises(ExportError, match=r"step 'model'.*_Line has no exact conversion.*LinearRegression"):
        export_pipeline(pipeline, contract)


@pytest.mark.parametrize(("func", "inverse"), [(np.log1p, np.expm1), (np.sqrt, np.square), (np.log, np.exp)])
def test_target_comes_back_from_a_function(func: object, inverse: object, contract: Contract) -> None:
    """The inverse that the pipeline names is the graph's, up to the last bits of the exponential."""
    model = TransformedTargetRegressor(
        HistGradientBoostingRegressor(max_iter=5), func=func, inverse_func=inverse, check_inverse=False
    )
    pipeline = _fit_pipeline("passthrough", ["pruned", "age"], model, contract)
    rows = to_rows(orchard_frame(100), contract)
    got = answers(serialise(export_pipeline(pipeline, contract)), rows)
    np.testing.assert_allclose(got, pipeline.predict(to_frame(rows, contract)), rtol=1e-14)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"transformer": KBinsDiscretizer(2, encode="ordinal")}, "target goes through KBinsDiscretizer"),
        ({"func": np.arcsinh, "inverse_func": np.sinh}, "nothing is known about the inverse sinh"),
    ],
)
@pytest.mark.filterwarnings("ignore:The current default behavior", "ignore:The provided functions or transformer")
def test_target_scale_beyond_the_exact_is_refused(change: dict[str, object], reason: str, contract: Contract) -> None:
    """An unknown target scale is refused by name."""
    model = TransformedTargetRegressor(HistGradientBoostingRegressor(max_iter=2), **change)
    pipeline = _fit_pipeline("passthrough", ["pruned", "age"], model, contract)
    with pytest.raises(ExportError, match=reason):
        export_pipeline(pipeline, contract)
