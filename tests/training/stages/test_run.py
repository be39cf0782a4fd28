"""A run is complete or leaves nothing, and does not train a stored model again."""

from __future__ import annotations

import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import bentoml
import numpy as np
import onnxruntime
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import Pipeline

import training
from tabento.bundle.contract import Contract
from tabento.bundle.expected_quality import read_expected_quality
from tabento.bundle.format import IMPORTANCES_FILE, MODEL_FILE
from tabento.bundle.signing_key import new_signing_key
from tabento.bundle.store import load_bundle
from tabento.errors import SaveError, TabentoError
from tabento.packaging import bundle_builder
from tabento.packaging.examples import to_json_row
from tabento.packaging.read_back import check_examples
from tabento.parity import ParityError
from tabento.tables.faults import DataError
from tabento.tables.frames import to_frame, to_rows
from tests.bundles import linear_model
from tests.conftest import ORCHARD, bentoml_home
from tests.training.seedlings import CONFIG as SEEDLING
from training.config import Intervals, Limit, ModelConfig, Sets, load_config
from training.config.settings import TrainingSettings
from training.data.synthetic import generate
from training.data.validation import validate
from training.errors import GateError
from training.progress import Progress, silence
from training.stages import register
from training.stages.run import TrainResult, prepare, train
from training.stages.stored_model import ensure_model, find_stored

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    """The tiny model's config, with a short proof and without the gate's refits, which other tests cover."""
    config = load_config(ORCHARD)
    gate = config.gate.model_copy(update={"leakage": None, "seeds": None, "parity_rows": 1000})
    return config.model_copy(update={"gate": gate})


@pytest.fixture
def settings(tmp_path: Path) -> TrainingSettings:
    """Folders of one test's own, a short measurement, no network."""
    return TrainingSettings(
        data_folder=tmp_path / "data",
        runs_folder=tmp_path / "runs",
        artifacts_folder=tmp_path / "artifacts",
        download=False,
        latency_budget_s=0.02,
    )


@pytest.fixture(scope="module")
def finished_run(config: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainResult]:
    """A run on synthetic data, with the store that it used."""
    folder = tmp_path_factory.mktemp("run")
    settings = TrainingSettings(runs_folder=folder / "runs", download=False, latency_budget_s=0.02)
    with bentoml_home(folder / "bentoml") as store:
        return store, train(config, None, settings, silence())


@pytest.fixture(scope="module")
def unfinished(config: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of artifacts of a run that did everything but save its model."""
    folder = tmp_path_factory.mktemp("unfinished")
    settings = TrainingSettings(
        runs_folder=folder / "runs", artifacts_folder=folder / "artifacts", download=False, latency_budget_s=0.02
    )
    with bentoml_home(folder / "bentoml"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle_builder, "check_examples", _refuse)
        with pytest.raises(SaveError, match="differs"):
            train(config, None, settings, silence())
    return settings.artifacts_folder


@pytest.fixture
def settings_with_fit(settings: TrainingSettings, unfinished: Path) -> TrainingSettings:
    """Settings of one test's own whose folder of artifacts holds that run, so that the next one goes on from there."""
    shutil.copytree(unfinished, settings.artifacts_folder)
    return settings


def _refuse(*arguments: object) -> None:
    raise SaveError("differs")


def with_metrics(config: ModelConfig, **limits: Limit) -> ModelConfig:
    """The config with other limits on its figures."""
    return config.model_copy(update={"gate": config.gate.model_copy(update={"metrics": limits})})


def nothing_remains(settings: TrainingSettings) -> bool:
    """Whether neither the store nor the folder of the reports holds anything of a run."""
    return bentoml.models.list() == [] and not list(settings.runs_folder.glob("*/*"))


def test_a_run_with_a_signing_key_signs_its_bundle(
    config: ModelConfig, settings: TrainingSettings, tmp_path: Path, model_store: Path
) -> None:
    """The stored bundle names the key of the setting."""
    key = new_signing_key()
    key.write(tmp_path / "key.pem")
    settings = settings.model_copy(update={"signing_key_file": tmp_path / "key.pem", "tracking": False})
    assert load_bundle(train(config, None, settings, silence()).tags.bundle).manifest.signed_by == key.id


def test_stored_bundle_answers_what_the_pipeline_answers(
    config: ModelConfig, finished_run: tuple[Path, TrainResult]
) -> None:
    """Bundle and pipeline, both read from the store, agree on every row of the data."""
    store, result = finished_run
    with bentoml_home(store):
        bundle = load_bundle(config.name)
        pipeline = bentoml.sklearn.load_model(result.tags.pipeline)
    assert bundle.tag == result.tags.bundle
    rows = to_rows(validate(generate(config.synthetic), config), bundle.contract)
    session = onnxruntime.InferenceSession(bundle.model_path)
    np.testing.assert_allclose(
        session.run(["prediction"], {"rows": rows})[0], pipeline.predict(to_frame(rows, bundle.contract)), rtol=1e-9
    )


def test_bundle_tells_what_the_run_found(config: ModelConfig, finished_run: tuple[Path, TrainResult]) -> None:
    """Metrics, parity, examples, card and provenance of the bundle are those of the run."""
    store, result = finished_run
    with bentoml_home(store):
        bundle = load_bundle(result.tags.bundle)
    assert bundle.metrics == {**result.metrics, "train_rows": 600, "test_rows": 200}
    assert bundle.parity["worst_relative"] == result.parity.worst_relative <= 1e-9
    assert len(bundle.examples) == 32
    assert {row["sort"] for row in bundle.examples} == {"BOSKOOP", "COX", "GLOSTER"}
    assert bundle.manifest.provenance == result.provenance
    assert (result.provenance.data, result.provenance.rows) == ("synthetic", 800)
    assert "SYNTHETIC DATA" in bundle.card
    assert bundle.contract == config.contract()


def test_importances_are_kept(finished_run: tuple[Path, TrainResult]) -> None:
    """File, metadata of both entries and card say which features the model goes by."""
    store, result = finished_run
    with bentoml_home(store):
        bundle = load_bundle(result.tags.bundle)
        ranking = [
            bentoml.models.get(tag).info.metadata["importances"] for tag in (result.tags.bundle, result.tags.pipeline)
        ]
    stored = json.loads((bundle.path / IMPORTANCES_FILE).read_bytes())
    assert ranking == [stored, stored]
    assert stored["top"][0]["feature"] == "age"
    assert "### Importances" in bundle.card


def test_run_leaves_a_report(finished_run: tuple[Path, TrainResult]) -> None:
    """Picture, metrics, cards and the report of the gate lie in a folder of the model's name and version."""
    _, result = finished_run
    assert result.report_folder.parts[-2:] == ("orchard", result.tags.version)
    left = sorted(path.name for path in result.report_folder.iterdir())
    assert left == ["card.md", "data_card.md", "gate", "importances.json", "metrics.json", "report.png"]
    assert (result.report_folder / "gate" / "report.html").is_file()
    assert json.loads((result.report_folder / "metrics.json").read_bytes())["rmse"] == result.metrics["rmse"]
    assert (result.report_folder / "report.png").read_bytes().startswith(b"\x89PNG")


def test_two_runs_give_the_same_model(
    config: ModelConfig, finished_run: tuple[Path, TrainResult], settings: TrainingSettings, model_store: Path
) -> None:
    """The same config, data and code give the same bytes, metrics and fingerprint, under another version."""
    _, first = finished_run
    second = train(config, None, settings, silence())
    assert (second.bundle_folder / MODEL_FILE).read_bytes() == (first.bundle_folder / MODEL_FILE).read_bytes()
    assert second.metrics == first.metrics
    assert second.provenance.fingerprint == first.provenance.fingerprint
    assert second.tags != first.tags


def test_classification_goes_the_same_way(settings: TrainingSettings, model_store: Path) -> None:
    """A model with labels is trained, proven and stored; its figures are those of a classification."""
    config = load_config(SEEDLING)
    assert config.gate.coverage is not None
    coverage = config.gate.coverage.model_copy(update={"slice_below_max": 0.4})
    gate = config.gate.model_copy(update={"coverage": coverage})
    config = config.model_copy(update={"sets": Sets(coverage=0.8), "gate": gate})
    result = train(config, None, settings, silence())
    assert {"roc_auc", "f1", "log_loss"} <= result.metrics.keys()
    assert result.gate.passed
    bundle = load_bundle(result.tags.bundle)
    assert bundle.contract.task == "classification"
    assert bundle.contract.output.probabilities
    tables = read_expected_quality(result.bundle_folder, len(bundle.contract.features))
    assert tables is not None
    assert tables.answered is not None
    assert sum(tables.answered.rows) == bundle.metrics["train_rows"] + bundle.metrics["test_rows"]


def test_ensure_trains_once(config: ModelConfig, settings: TrainingSettings, model_store: Path) -> None:
    """The second call returns the stored tag; another config is another model."""
    tag = ensure_model(config, None, settings, silence())
    assert ensure_model(config, None, settings, silence()) == tag
    assert len(bentoml.models.list("orchard")) == 1
    other = config.model_copy(update={"seed": 43})
    assert find_stored(other, None, settings, silence()) is None


def test_ensure_replaces_a_bundle_that_was_changed(
    config: ModelConfig, finished_run: tuple[Path, TrainResult], settings: TrainingSettings, model_store: Path
) -> None:
    """A stored bundle that does not verify is reported, and the model is trained again."""
    store, result = finished_run
    shutil.copytree(store, model_store, dirs_exist_ok=True)
    tag = result.tags.bundle
    with (load_bundle(tag).path / "card.md").open("a") as card:
        card.write("better than it is")
    err = io.StringIO()
    second_tag = ensure_model(config, None, settings, Progress(io.StringIO(), err))
    assert second_tag != tag
    assert "cannot be trusted" in err.getvalue()
    assert load_bundle("orchard").tag == second_tag


def test_model_that_fails_its_gate_is_not_saved(
    config: ModelConfig, settings_with_fit: TrainingSettings, model_store: Path
) -> None:
    """The run ends with the failed limits and leaves nothing but the report that says why."""
    strict = with_metrics(config, rmse=Limit(at_most=0.001), r2=Limit(at_least=0.999))
    with pytest.raises(GateError, match=r"rmse[\s\S]*r2[\s\S]*gate\.failed"):
        train(strict, None, settings_with_fit, silence())
    assert nothing_remains(settings_with_fit)
    left = settings_with_fit.artifacts_folder / "orchard"
    assert sorted(path.name for path in left.iterdir()) == [".unfinished", "gate.failed"]
    assert "rmse" in (left / "gate.failed" / "report.md").read_text(encoding="utf-8")


def test_graph_that_strays_is_not_saved(
    config: ModelConfig, settings_with_fit: TrainingSettings, model_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph that answers something else than the pipeline ends the run."""
    monkeypatch.setattr(
        bundle_builder, "export_pipeline", lambda pipeline, contract: linear_model(len(contract.features))
    )
    with pytest.raises(ParityError):
        train(config, None, settings_with_fit, silence())
    assert nothing_remains(settings_with_fit)
    assert [path.name for path in (settings_with_fit.artifacts_folder / "orchard").iterdir()] == [".unfinished"]


def test_report_that_cannot_be_written_saves_nothing(
    config: ModelConfig, settings_with_fit: TrainingSettings, model_store: Path
) -> None:
    """If a file has the name of the folder of reports, the error names it and the option."""
    settings_with_fit.runs_folder.write_text("in the way")
    with pytest.raises(SaveError, match=r"runs[\s\S]*--runs-folder"):
        train(config, None, settings_with_fit, silence())
    assert bentoml.models.list() == []


def test_failed_saving_takes_the_report_with_it(
    config: ModelConfig, settings_with_fit: TrainingSettings, model_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report without a model would only mislead."""

    monkeypatch.setattr(bundle_builder, "check_examples", _refuse)
    with pytest.raises(SaveError, match="differs"):
        train(config, None, settings_with_fit, silence())
    assert nothing_remains(settings_with_fit)


def test_examples_are_compared_with_the_pipeline(finished_run: tuple[Path, TrainResult]) -> None:
    """A pipeline that answers something else shows at the first look at the stored bundle."""
    store, result = finished_run
    other = Pipeline([("model", DummyRegressor(strategy="constant", constant=3.0))]).fit(np.zeros((2, 7)), [3.0, 3.0])
    with bentoml_home(store):
        bundle = load_bundle(result.tags.bundle)
    with pytest.raises(SaveError, match=r"answers .* to its example \d+, the pipeline"):
        check_examples(bundle, other, 1e-9)


def test_model_with_intervals_is_stored_with_its_coverage(
    config: ModelConfig, settings: TrainingSettings, model_store: Path
) -> None:
    """Contract, metrics, proof and card of the bundle have the intervals, and a bundle of another table is refused."""
    intervals = Intervals(coverage=0.8, by="age", parts=2, folds=2)
    result = train(config.model_copy(update={"intervals": intervals}), None, settings, silence())
    bundle = load_bundle(result.tags.bundle)
    interval = bundle.contract.output.interval
    assert interval is not None
    assert (interval.coverage, interval.by, bundle.manifest.format_version) == (0.8, "age", 2)
    assert bundle.metrics["interval_coverage"] == pytest.approx(0.8, abs=0.1)
    assert bundle.parity["other_intervals"] == 0
    assert "### Coverage" in bundle.card
    assert {item.column for item in result.gate.coverage} >= {"all rows", "age"}
    pipeline = bentoml.sklearn.load_model(result.tags.pipeline)
    row = to_rows(validate(generate(config.synthetic), config).head(1), bundle.contract)
    answer = float(pipeline.predict(to_frame(row, bundle.contract))[0])
    edge = {"edges": [answer], "lower": [-1.0, -2.0], "upper": [1.0, 2.0]}
    changed_content = bundle.contract.model_dump()
    changed_content["output"]["interval"] = {"coverage": 0.8, "groups": [edge]}
    example = to_json_row(to_frame(row, bundle.contract).iloc[0].to_dict(), bundle.contract)
    changed = replace(bundle, contract=Contract.model_validate(changed_content), examples=(example,))
    check_examples(changed, pipeline, 1e-9)
    slightly_higher = Pipeline([("model", DummyRegressor(strategy="constant", constant=np.nextafter(answer, np.inf)))])
    with pytest.raises(SaveError, match="gives its example 0 another prediction interval"):
        check_examples(changed, slightly_higher.fit(np.zeros((2, 7)), [1.0, 1.0]), 1e-9)


def test_data_comes_from_the_setting_where_none_is_given(
    config: ModelConfig, settings: TrainingSettings, tmp_path: Path
) -> None:
    """A setting names the file of each model by its name; the argument overrides it."""
    generate(config.synthetic).to_csv(tmp_path / "orchard.csv", index=False)
    several = settings.model_copy(update={"data": str(tmp_path / "{name}.csv")})
    assert prepare(config, None, several, silence()).dataset.source == "orchard.csv"
    assert prepare(config, "synthetic", several, silence()).dataset.kind == "synthetic"


def test_model_that_cannot_be_registered_is_not_saved(
    config: ModelConfig, settings_with_fit: TrainingSettings, model_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Store and registry hold a model both or neither of them does."""

    def refuse(*arguments: object) -> None:
        raise SaveError("the registry is gone")

    monkeypatch.setattr(register, "_register", refuse)
    with pytest.raises(SaveError, match="the registry is gone"):
        train(config, None, settings_with_fit, silence())
    assert nothing_remains(settings_with_fit)


def test_given_file_is_real_data(config: ModelConfig, settings: TrainingSettings, tmp_path: Path) -> None:
    """A file of one's own needs no permission for synthetic data, and gives no warning."""
    path = tmp_path / "trees.csv"
    generate(config.synthetic).to_csv(path, index=False)
    err = io.StringIO()
    strict = settings.model_copy(update={"allow_synthetic": False})
    loaded = prepare(config, str(path), strict, Progress(io.StringIO(), err))
    assert (loaded.dataset.kind, loaded.dataset.source) == ("real", "trees.csv")
    assert err.getvalue() == ""


def test_synthetic_data_is_announced(config: ModelConfig, settings: TrainingSettings) -> None:
    """The announcement is a box on stderr."""
    err = io.StringIO()
    loaded = prepare(config, None, settings, Progress(io.StringIO(), err))
    assert loaded.dataset.kind == "synthetic"
    assert err.getvalue().startswith("!!!")
    assert "SYNTHETIC DATA" in err.getvalue()


def test_synthetic_data_can_be_forbidden(config: ModelConfig, settings: TrainingSettings) -> None:
    """Without real data such a run ends with what it expected, what there is and what to do."""
    strict = settings.model_copy(update={"allow_synthetic": False})
    with pytest.raises(TabentoError, match=r"expected real data.*got synthetic, seed 3\. Give a file with --data"):
        prepare(config, None, strict, silence())


def test_missing_file_is_not_replaced_by_synthetic_data(config: ModelConfig, settings: TrainingSettings) -> None:
    """Who names a file gets that file or an error."""
    with pytest.raises(DataError, match="there is no file"):
        prepare(config, "nowhere.csv", settings, silence())


def test_training_code_knows_no_model() -> None:
    """No source file of training has the name of a model that has a config."""
    root = Path(training.__file__).parent
    names = [path.stem for path in (root.parent / "configs").glob("*.yaml") if path.stem != "serving"]
    assert names
    mentions = [
        (path.name, name)
        for path in root.rglob("*.py")
        for name in (*names, "orchard")
        if re.search(rf"\b{name}\b", path.read_text(encoding="utf-8").lower())
    ]
    assert mentions == []
