"""An import from file and sample to answers over HTTP, on pipelines that no code knows."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from tabento.adopt.errors import AdoptionError
from tabento.bundle.errors import SigningKeyError
from tabento.bundle.reference import CategoryDistribution
from tabento.bundle.signing_key import new_signing_key
from tabento.bundle.store import load_bundle
from tabento.export import ExportError
from tabento.tables.faults import DataError
from tests.conftest import bentoml_home
from tests.tabento.adopt.bundle_server import as_json, serve
from tests.tabento.adopt.makers import (
    TREE_TYPES,
    boat_pipeline,
    boats,
    letter_pipeline,
    letters,
    save_joblib,
    save_skops,
    stone_pipeline,
    stones,
    write_csv,
)
from training.config.settings import TrainingSettings
from training.progress import silence
from training.stages.adoption.request import ImportResult, Request
from training.stages.adoption.run import adopt

SETTINGS = TrainingSettings(latency_budget_s=0.05)


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> Iterator[None]:
    """A model store for each test."""
    with bentoml_home(tmp_path / "bentoml"):
        yield


def request_of(folder: Path, pipeline: Path, **options: Any) -> Request:
    """A request for the sample and the config of a folder."""
    return Request(pipeline=pipeline, sample=folder / "rows.csv", config=folder / "model.yaml", **options)


def run(request: Request) -> ImportResult:
    """Import quietly."""
    return adopt(request, SETTINGS, silence())


def simple_request(folder: Path, pipeline: Any, frame: pd.DataFrame, **options: Any) -> Request:
    """Save a pipeline as a pickle and a frame as the sample, and ask for its import."""
    write_csv(frame, folder / "rows.csv")
    return request_of(folder, save_joblib(pipeline, folder / "model.joblib"), trust_pickle=True, **options)


@pytest.mark.slow
def test_an_import_with_a_signing_key_signs_its_bundle(tmp_path: Path) -> None:
    """The stored bundle names the key; a key that cannot be read ends the import before it begins."""
    frame, key = write_csv(boats(), tmp_path / "rows.csv"), new_signing_key()
    path = save_joblib(boat_pipeline(frame), tmp_path / "boats.joblib")
    request = request_of(tmp_path, path, target="price", trust_pickle=True)
    settings = SETTINGS.model_copy(update={"signing_key_file": tmp_path / "key.pem"})
    with pytest.raises(SigningKeyError, match="cannot be read"):
        adopt(request, settings, silence())
    key.write(tmp_path / "key.pem")
    assert load_bundle(adopt(request, settings, silence()).tags.bundle).manifest.signed_by == key.id


def test_regression_from_joblib_answers_as_its_pipeline(tmp_path: Path) -> None:
    """Numbers, integers, booleans, text and missing values through HTTP: what `predict` says on the file's rows."""
    frame = write_csv(boats(), tmp_path / "rows.csv")
    pipeline = boat_pipeline(frame)
    path = save_joblib(pipeline, tmp_path / "boats-2.joblib")
    result = run(request_of(tmp_path, path, target="price", trust_pickle=True))
    assert result.config.name == "boats_2"
    assert result.metrics["r2"] > 0.8
    assert result.parity.worst_relative < 1e-9
    rows = frame.drop(columns="price")
    with serve(result.tags.bundle) as client:
        sent = as_json(rows)
        batch = client.post("/predict", json={"instances": sent}).json()["predictions"]
        alone = client.post("/predict", json=sent[3]).json()["prediction"]
        strange = client.post("/predict", json={**sent[3], "hull": "concrete"}).json()["prediction"]
        wrong = client.post("/predict", json={**sent[3], "berths": "four"})
    np.testing.assert_allclose(batch, pipeline.predict(rows), rtol=1e-9)
    assert alone == pytest.approx(batch[3], rel=1e-12)
    assert strange == pytest.approx(pipeline.predict(rows.iloc[[3]].assign(hull="concrete"))[0], rel=1e-9)
    assert wrong.status_code in (400, 422)


def test_classifier_from_skops_answers_labels_and_probabilities(tmp_path: Path) -> None:
    """Text labels and text features, one of which looks like numbers and like missing."""
    frame = write_csv(letters(), tmp_path / "rows.csv")
    pipeline = letter_pipeline(frame)
    path = save_skops(pipeline, tmp_path / "letters.skops")
    result = run(request_of(tmp_path, path, target="arrival", name="post"))
    contract = load_bundle(result.tags.bundle).contract
    assert contract.output.classes == ("late", "on time")
    zone, day = contract.features[1:]
    assert (zone.categories, zone.unknown) == (("01", "02", "10", "NA"), "refuse")
    assert (day.categories, day.unknown) == (("mon", "sat", "sun", "tue"), "ignore")
    assert result.metrics["accuracy"] > 0.6
    rows = frame.drop(columns="arrival")
    with serve(result.tags.bundle) as client:
        answer = client.post("/predict", json={"instances": as_json(rows)}).json()
        alone = client.post("/predict", json=as_json(rows)[0]).json()
        unlisted = client.post("/predict", json={**as_json(rows)[0], "zone": "03"})
    assert answer["predictions"] == pipeline.predict(rows).tolist()
    probabilities = [[shares["late"], shares["on time"]] for shares in answer["probabilities"]]
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(rows), atol=1e-12)
    assert alone["prediction"] == answer["predictions"][0]
    assert unlisted.status_code in (400, 422)


def test_forest_of_three_classes_answers_integers(tmp_path: Path) -> None:
    """Labels that are integers come back as integers, in a forest behind a scaler."""
    frame = write_csv(stones(), tmp_path / "rows.csv")
    pipeline = stone_pipeline(frame)
    path = save_skops(pipeline, tmp_path / "stones.skops")
    result = run(request_of(tmp_path, path, target="kind", trust=TREE_TYPES))
    assert result.parity.worst_relative < 1e-9
    rows = frame.drop(columns="kind")
    with serve(result.tags.bundle) as client:
        answer = client.post("/predict", json={"instances": as_json(rows)}).json()
    assert answer["predictions"] == pipeline.predict(rows).tolist()
    probabilities = [[shares[str(label)] for label in (1, 2, 3)] for shares in answer["probabilities"]]
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(rows), atol=1e-12)


def test_outlier_detector_answers_minus_one_and_one(tmp_path: Path) -> None:
    """-1 for an outlier and 1 for the rest, as integers, without probabilities."""
    frame = write_csv(stones().drop(columns="kind"), tmp_path / "rows.csv")
    pipeline = make_pipeline(SimpleImputer(), IsolationForest(n_estimators=10, contamination=0.2, random_state=1))
    path = save_joblib(pipeline.fit(frame), tmp_path / "strange.joblib")
    result = run(request_of(tmp_path, path, trust_pickle=True))
    assert load_bundle(result.tags.bundle).contract.output.classes == (-1, 1)
    assert result.parity.label_flips == 0
    with serve(result.tags.bundle) as client:
        answer = client.post("/predict", json={"instances": as_json(frame)}).json()
    assert answer["predictions"] == pipeline.predict(frame).tolist()
    assert set(answer["predictions"]) == {-1, 1}


def test_bundle_says_that_it_was_imported(tmp_path: Path) -> None:
    """Labels, provenance, metrics and card tell where the model comes from."""
    frame = write_csv(stones(), tmp_path / "rows.csv")
    path = save_joblib(stone_pipeline(frame), tmp_path / "stones.joblib")
    result = run(request_of(tmp_path, path, target="kind", trust_pickle=True))
    bundle = load_bundle(result.tags.bundle)
    labels = bentoml.models.get(result.tags.bundle).info.labels
    assert labels["imported"] == "pickle"
    assert len(labels["pipeline_sha256"]) == 64
    provenance = bundle.manifest.provenance
    assert (provenance.data, provenance.data_source, provenance.rows) == ("real", "rows.csv", len(frame))
    assert provenance.pipeline_tag == result.tags.pipeline
    assert bundle.metrics["sample_rows"] == len(frame)
    assert bundle.metrics["accuracy"] == result.metrics["accuracy"]
    assert isinstance(bundle.reference.prediction, CategoryDistribution)
    assert bundle.reference.prediction.count == len(frame)
    for text in ("**Imported.**", "stones.joblib", "rows.csv", "Accuracy", "you said that you trust it"):
        assert text in bundle.card
    stored = bentoml.sklearn.load_model(result.tags.pipeline)
    assert (
        stored.predict(frame.drop(columns="kind")).tolist()[:5]
        == stone_pipeline(frame).predict(frame.drop(columns="kind")).tolist()[:5]
    )


def test_without_a_target_nothing_is_measured(tmp_path: Path) -> None:
    """Metrics are left out rather than made up, and the reference has no target."""
    frame = stones().drop(columns="kind")
    pipeline = stone_pipeline(stones())
    result = run(simple_request(tmp_path, pipeline, frame))
    assert result.metrics == {"sample_rows": len(frame)}
    bundle = load_bundle(result.tags.bundle)
    assert bundle.reference.target is None
    assert bundle.contract.output.name == "prediction"
    assert "nothing was measured" in bundle.card


class Doubler(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A step of somebody's own, for which there is no converter."""

    def fit(self, X: Any, y: Any = None) -> Doubler:
        """Learn nothing."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        """Double."""
        return X * 2


def test_unsupported_step_is_refused_by_name(tmp_path: Path) -> None:
    """Step, reason and the nearest that can be converted; nothing is stored, the config stays for another try."""
    frame = stones()
    pipeline = make_pipeline(StandardScaler(), Doubler(), LogisticRegression()).fit(
        frame[["mass", "veins"]], frame["kind"]
    )
    request = simple_request(tmp_path, pipeline, frame[["mass", "veins"]])
    with pytest.raises(ExportError, match=r"step 'doubler'.*Doubler.*Nearest that can"):
        run(request)
    assert bentoml.models.list() == []
    assert request.config.exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda frame: {"model": stone_pipeline(frame)}, "holds a dict, not a scikit-learn pipeline"),
        (lambda frame: [1, 2], "holds a list, not a scikit-learn pipeline"),
        (lambda frame: make_pipeline(StandardScaler(), Ridge()), "was never fitted"),
        (lambda frame: StandardScaler().fit(frame), "neither classifies nor gives numbers"),
        (lambda frame: KMeans(2, n_init=1).fit(frame), "neither classifies nor gives numbers"),
        (lambda frame: Ridge().fit(frame.to_numpy(), frame["kind"]), "fitted on an array, or .* --columns-from-sample"),
    ],
)
def test_what_is_no_servable_pipeline_is_told(make: Any, message: str, tmp_path: Path) -> None:
    """What the file holds instead, and what to do."""
    frame = stones()
    with pytest.raises(AdoptionError, match=message):
        run(simple_request(tmp_path, make(frame), frame.drop(columns="kind")))


def test_pipeline_whose_inside_is_not_whole_is_told(tmp_path: Path) -> None:
    """As after a change of version: an attribute that today's class has is missing."""
    frame = stones()
    pipeline = make_pipeline(make_column_transformer((OneHotEncoder(), ["veins"])), LogisticRegression())
    pipeline.fit(frame[["veins"]], frame["kind"])
    del pipeline[0].named_transformers_["onehotencoder"].categories_
    with pytest.raises(AdoptionError, match=r"its steps cannot be read: AttributeError.*categories_.*--verbose"):
        run(simple_request(tmp_path, pipeline, frame[["veins"]]))


def test_sample_of_another_pipeline_is_refused(tmp_path: Path) -> None:
    """The columns are compared before a cell is looked at."""
    with pytest.raises(AdoptionError, match="mass: the pipeline takes it, the sample lacks it"):
        run(simple_request(tmp_path, stone_pipeline(stones()), boats()))


def test_cells_of_a_wrong_type_are_told(tmp_path: Path) -> None:
    """A word among the numbers of a column that is read as numbers."""
    frame = stones().drop(columns="kind").astype(object)
    frame.loc[4, "density"] = "heavy"
    with pytest.raises(DataError, match=r"density: expected a number.*'heavy' in row 5"):
        run(simple_request(tmp_path, stone_pipeline(stones()), frame))


def test_missing_text_follows_the_pipeline(tmp_path: Path) -> None:
    """Text that pandas read as NaN, in an encoder that learned it as a category: null gets that category's answer."""
    frame = write_csv(boats(), tmp_path / "rows.csv")[["hull", "length", "price"]]
    columns = make_column_transformer((OneHotEncoder(), ["hull"]), remainder="passthrough")
    pipeline = make_pipeline(columns, Ridge()).fit(frame[["hull", "length"]], frame["price"])
    result = run(simple_request(tmp_path, pipeline, frame, target="price"))
    rows = frame[["hull", "length"]]
    with serve(result.tags.bundle) as client:
        answers = client.post("/predict", json={"instances": as_json(rows)}).json()["predictions"]
    np.testing.assert_allclose(answers, pipeline.predict(rows), rtol=1e-9)
    assert rows["hull"].isna().any()


def test_pipeline_that_minds_the_type_is_refused_with_the_column(tmp_path: Path) -> None:
    """A step that answers otherwise for integers than for float64 is found by its column."""
    frame = stones().drop(columns="density")
    columns = make_column_transformer((FunctionTransformer(_halve), ["veins"]), (StandardScaler(), ["mass"]))
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame[["mass", "veins"]], frame["kind"])
    with pytest.raises(AdoptionError, match=r"veins \(int64 in the sample, float64 from a request\)"):
        run(simple_request(tmp_path, pipeline, frame[["mass", "veins"]]))


def _halve(values: Any) -> Any:
    """Halve integers without a fraction, and floats with one."""
    return values // 2 if values.dtypes.iloc[0].kind == "i" else values / 2


def test_promise_that_the_pipeline_breaks_is_taken_back(tmp_path: Path) -> None:
    """Where the slack of a range leads to no answer, the range ends where the sample does."""
    frame = stones().drop(columns="density")
    columns = make_column_transformer(
        (make_pipeline(FunctionTransformer(np.log), StandardScaler()), ["veins"]), (StandardScaler(), ["mass"])
    )
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame[["mass", "veins"]], frame["kind"])
    result = run(simple_request(tmp_path, pipeline, frame[["mass", "veins"]]))
    veins = load_bundle(result.tags.bundle).contract.features[1]
    assert veins.minimum == frame["veins"].min() > 0


def test_native_missing_values_and_tiny_samples(tmp_path: Path) -> None:
    """Three rows are a sample; trees that know missing values take null where the sample shows it."""
    frame = stones()
    frame.loc[::9, "density"] = np.nan
    model = HistGradientBoostingClassifier(max_iter=5).fit(frame.drop(columns="kind"), frame["kind"])
    result = run(simple_request(tmp_path, model, frame.drop(columns="kind").iloc[8:11]))
    contract = load_bundle(result.tags.bundle).contract
    assert [feature.nullable for feature in contract.features] == [False, True, False]


def test_warnings_of_the_pipeline_are_not_passed_on(tmp_path: Path) -> None:
    """An encoder that warns of unknown values is asked about them thousands of times."""
    frame = write_csv(boats(), tmp_path / "rows.csv")[["hull", "length", "price"]]
    columns = make_column_transformer((OneHotEncoder(handle_unknown="warn"), ["hull"]), remainder="passthrough")
    pipeline = make_pipeline(columns, Ridge()).fit(frame[["hull", "length"]], frame["price"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = run(simple_request(tmp_path, pipeline, frame, target="price"))
    assert result.config.features[0].unknown == "ignore"


def test_same_import_has_the_same_fingerprint(tmp_path: Path) -> None:
    """File, sample and config decide; another sample is another fingerprint."""
    frame = stones()
    request = simple_request(tmp_path, stone_pipeline(frame), frame, target="kind")
    first, second = (_fingerprint(run(request)) for _ in range(2))
    assert first == second
    write_csv(frame.iloc[:-1], request.sample)
    assert _fingerprint(run(request)) != first


def _fingerprint(result: ImportResult) -> str:
    return load_bundle(result.tags.bundle).manifest.provenance.fingerprint


def test_imputed_text_takes_null_without_having_seen_it(tmp_path: Path) -> None:
    """An imputer in front of an encoder promises null, although no row of the sample is missing it."""
    frame = write_csv(boats().dropna(), tmp_path / "rows.csv")[["hull", "length", "price"]]
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    pipeline = make_pipeline(make_column_transformer((text, ["hull"]), ("passthrough", ["length"])), Ridge())
    pipeline.fit(frame[["hull", "length"]], frame["price"])
    result = run(simple_request(tmp_path, pipeline, frame, target="price"))
    with serve(result.tags.bundle) as client:
        answer = client.post("/predict", json={"hull": None, "length": 7.5}).json()["prediction"]
    expected = pipeline.predict(pd.DataFrame({"hull": pd.Series([np.nan], dtype=object), "length": [7.5]}))
    assert answer == pytest.approx(expected[0], rel=1e-9)
    assert json.loads((result.bundle_folder / "contract.json").read_text())["features"][0]["nullable"] is True


def test_columns_are_named_in_the_order_of_the_fit(tmp_path: Path) -> None:
    """The sample may have them in another order, and others beside them."""
    frame = stones()
    pipeline = IsotonicRegression(out_of_bounds="clip").fit(frame["mass"].to_numpy(), frame["kind"])
    result = run(simple_request(tmp_path, pipeline, frame, columns=("mass",), target="kind"))
    assert [feature.name for feature in result.config.contract().features] == ["mass"]
    assert any("named as --columns says: 'mass'" in remark for remark in result.remarks)


def test_text_that_stands_for_missing(tmp_path: Path) -> None:
    """`missing_values='?'`: a category of the contract, even if the encoder behind the imputer never sees it."""
    frame = pd.DataFrame({"c": ["u", "?", "v", "u", "?", "v"] * 9, "y": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0] * 9})
    imputer = SimpleImputer(missing_values="?", strategy="most_frequent")
    steps = make_column_transformer((make_pipeline(imputer, OneHotEncoder()), ["c"]))
    pipeline = make_pipeline(steps, Ridge()).fit(frame[["c"]].astype(object), frame["y"])
    result = run(simple_request(tmp_path, pipeline, frame, target="y"))
    assert set(result.config.contract().features[0].categories or ()) == {"u", "v", "?"}
