"""The version that fitted a pipeline is asked for its own answers, and what differs is refused."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
import sklearn
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.adopt.errors import AdoptionError
from tabento.adopt.load import load_pipeline
from tabento.adopt.versions import answers
from tabento.adopt.versions.environment import Environment
from tabento.adopt.versions.exchange import Question, answer_in_environment
from tabento.adopt.versions.version_comparison import _needs, requested_version
from tests.tabento.adopt.makers import boat_pipeline, boats, save_joblib, save_skops, small_pipeline, write_csv
from tests.tabento.adopt.versions.test_fitted_version import skops_file
from training.config.settings import TrainingSettings
from training.progress import Progress
from training.stages.adoption.request import Request
from training.stages.adoption.run import adopt

FILES = Path(__file__).parent / "old_files"
INSTALLED = sklearn.__version__
SETTINGS = TrainingSettings(latency_budget_s=0.02)


class HereEnvironment(Environment):
    """Answers in this process: the installed version plays the other one."""

    def answer(self, arguments: Sequence[str], paths: Sequence[str]) -> tuple[int, str]:
        """Run the script as a function."""
        return answers.main([*arguments]), "what it said"


class OtherPipelineEnvironment(HereEnvironment):
    """Answers with another pipeline than the file's, as a version does whose behaviour has changed."""

    other: Path

    def answer(self, arguments: Sequence[str], paths: Sequence[str]) -> tuple[int, str]:
        """Run the script on the other file."""
        return super().answer([str(type(self).other), *arguments[1:]], paths)


def local_environment(kind: type[Environment] = HereEnvironment, version: str = "1.7.2") -> Environment:
    """An environment that is this process."""
    return kind(Path("python"), version, False)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Rows of the recorded files."""
    pd.read_csv(FILES / "rows.csv")[["area", "age", "city"]].to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


def import_remarks(request: Request, environment: Environment) -> tuple[str, ...]:
    """Import without output and return the remarks."""
    quiet = Progress(io.StringIO(), io.StringIO())
    return adopt(request, SETTINGS, quiet, lambda *_: (environment, [])).remarks


def test_import_is_compared_with_the_own_answers_of_the_version(sample: Path, tmp_path: Path) -> None:
    """The doubt about the version gives way to the figures of the comparison."""
    path = tmp_path / "m.skops"
    path.write_bytes(skops_file("1.7.2"))
    pd.DataFrame({"a": [0.5, 1.5, -1.0], "b": [0.1, 0.2, 0.3]}).to_csv(sample, index=False)
    remarks = import_remarks(Request(path, sample, tmp_path / "m.yaml", sklearn="auto"), local_environment())
    assert remarks[0].startswith("scikit-learn 1.7.2 itself answers the same: worst relative difference")
    assert not any("may differ" in remark for remark in remarks)


def test_missing_text_is_asked_as_the_pipeline_knows_it(tmp_path: Path) -> None:
    """A request's null is NaN for the pipeline: the other version is asked with NaN as well."""
    frame = write_csv(boats(120), tmp_path / "all.csv")
    write_csv(frame.drop(columns="price"), tmp_path / "rows.csv")
    path = save_joblib(boat_pipeline(frame), tmp_path / "boats.joblib")
    path.write_bytes(path.read_bytes().replace(INSTALLED.encode(), b"1.7.2"))
    request = Request(path, tmp_path / "rows.csv", tmp_path / "m.yaml", trust_pickle=True, sklearn="auto")
    assert "itself answers the same" in import_remarks(request, local_environment())[0]


def test_other_answers_are_refused_with_the_rows(sample: Path, tmp_path: Path) -> None:
    """Nothing is stored if the version that fitted the pipeline answers otherwise."""
    pipeline = load_pipeline(FILES / "regression_1.7.2.joblib", trust_pickle=True).pipeline
    pipeline.named_steps["model"].named_estimators_["r"].intercept_ += 0.5
    OtherPipelineEnvironment.other = save_joblib(pipeline, tmp_path / "other.joblib")
    request = Request(FILES / "regression_1.7.2.joblib", sample, tmp_path / "m.yaml", trust_pickle=True, sklearn="auto")
    with pytest.raises(
        AdoptionError, match=r"does not answer what scikit-learn 1\.7\.2 answers: 60 of 60 rows"
    ) as error:
        import_remarks(request, local_environment(OtherPipelineEnvironment))
    assert "'area'" in str(error.value)


def test_other_classes_are_refused(sample: Path, tmp_path: Path) -> None:
    """Labels with another meaning cannot be compared."""
    pipeline = load_pipeline(FILES / "linear_1.7.2.joblib", trust_pickle=True).pipeline
    pipeline.steps[-1][1].classes_ = pipeline.steps[-1][1].classes_[::-1].copy()
    OtherPipelineEnvironment.other = save_joblib(pipeline, tmp_path / "other.joblib")
    request = Request(FILES / "linear_1.7.2.joblib", sample, tmp_path / "m.yaml", trust_pickle=True, sklearn="auto")
    with pytest.raises(AdoptionError, match="knows the classes"):
        import_remarks(request, local_environment(OtherPipelineEnvironment))


def test_version_that_refuses_what_the_config_allows_is_named(sample: Path, tmp_path: Path) -> None:
    """An answer that the fitting version would not give is none to serve."""
    frame = pd.read_csv(sample)
    numbers = make_pipeline(StandardScaler(), Ridge()).fit(frame[["area"]], frame["area"])
    path = save_joblib(numbers, tmp_path / "m.joblib")
    frame[["area"]].to_csv(sample, index=False)
    strict = save_joblib(StrictScaler.around(numbers), tmp_path / "strict.joblib")
    OtherPipelineEnvironment.other = strict
    request = Request(path, sample, tmp_path / "m.yaml", trust_pickle=True, sklearn="1.7.2")
    with pytest.raises(AdoptionError, match=r"refuses \d+ of [\d,]+ rows that the config allows.*too large"):
        import_remarks(request, local_environment(OtherPipelineEnvironment))


class StrictScaler:
    """A regressor that refuses areas above those of the sample."""

    _estimator_type = "regressor"

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @classmethod
    def around(cls, inner: Any) -> StrictScaler:
        """Wrap a fitted pipeline."""
        return cls(inner)

    def __sklearn_tags__(self) -> Any:
        return self.inner.__sklearn_tags__()

    def predict(self, frame: pd.DataFrame) -> Any:
        """Answer rows of a plausible area."""
        if (frame["area"] > 181).any():
            raise ValueError("too large")
        return self.inner.predict(frame)


def test_version_is_chosen_by_the_file_or_by_a_person(tmp_path: Path) -> None:
    """``auto`` takes the file's, and asks nobody if that is the installed one."""
    old = load_pipeline(FILES / "linear_1.5.2.skops")
    new = load_pipeline(save_skops(small_pipeline(), tmp_path / "m.skops"))
    assert requested_version("auto", old) == "1.5.2"
    assert requested_version("1.5.1", old) == "1.5.1"
    assert requested_version("auto", new) is None
    assert requested_version(None, old) is None
    with pytest.raises(AdoptionError, match="not a version: expected auto"):
        requested_version("1.5; rm -r", old)


def test_auto_needs_a_version_in_the_file(tmp_path: Path) -> None:
    """A file that names none cannot choose."""
    joblib.dump(StrictScaler(None), tmp_path / "m.joblib")
    loaded = load_pipeline(tmp_path / "m.joblib", trust_pickle=True)
    with pytest.raises(AdoptionError, match="--sklearn VERSION"):
        requested_version("auto", loaded)


def test_pickle_needs_consent_in_the_other_environment_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The script does not open a pickle that nobody trusts."""
    path = save_joblib(small_pipeline(), tmp_path / "m.joblib")
    with pytest.raises(AdoptionError, match="cannot be opened in an environment"):
        answer_in_environment(
            Question(path.read_bytes(), {"rows": pd.DataFrame({"a": [1.0], "b": [2.0]})}, False), local_environment()
        )
    assert "--i-trust-this-file" in capsys.readouterr().err


def test_skops_file_is_audited_in_the_other_environment_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Types that were not agreed to are not created there."""
    question = Question(
        (FILES / "classification_1.7.2.skops").read_bytes(), {"rows": pd.DataFrame({"a": [1.0]})}, False
    )
    with pytest.raises(AdoptionError, match="cannot be opened"):
        answer_in_environment(question, local_environment())
    assert "sklearn.tree._tree.Tree" in capsys.readouterr().err


def test_file_that_changes_meanwhile_is_not_opened_again(sample: Path, tmp_path: Path) -> None:
    """What was judged here is what the other version opens."""
    path = save_joblib(small_pipeline(), tmp_path / "m.joblib")
    pd.DataFrame({"a": [0.5, 1.5, -1.0], "b": [0.1, 0.2, 0.3]}).to_csv(sample, index=False)
    request = Request(path, sample, tmp_path / "m.yaml", trust_pickle=True, sklearn="1.7.2")

    def meanwhile(*_: Any) -> tuple[Environment, list[str]]:
        path.write_bytes(path.read_bytes() + b" ")
        return local_environment(), []

    with pytest.raises(AdoptionError, match="has changed since the import began"):
        adopt(request, SETTINGS, Progress(io.StringIO(), io.StringIO()), meanwhile)


def test_texts_and_missing_values_arrive_as_they_left(tmp_path: Path) -> None:
    """Numbers keep their type; None, NaN, empty and odd texts stay what they are."""
    texts = pd.Series(["a", None, float("nan"), "", "nan", "Zürich 🍏\0", "\ud800"], dtype=object)
    frame = pd.DataFrame({"text": texts, "whole": range(7), "flag": [True] * 7, "real": [0.1] * 7})
    seen: list[pd.DataFrame] = []

    class Listener:
        def predict(self, table: pd.DataFrame) -> Any:
            """Keep the table."""
            seen.append(table)
            return [0.0] * len(table)

        def __sklearn_tags__(self) -> Any:
            return Ridge().__sklearn_tags__()

    class ListeningEnvironment(HereEnvironment):
        def answer(self, arguments: Sequence[str], paths: Sequence[str]) -> tuple[int, str]:
            """Answer with the listener."""
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(answers, "open_pipeline", lambda *_: Listener())
                return super().answer(arguments, paths)

    foreign_answers = answer_in_environment(
        Question(b"", {"rows": frame}, False), local_environment(ListeningEnvironment)
    )
    pd.testing.assert_frame_equal(seen[0], frame)
    assert foreign_answers.tables["rows"].answered.all()
    assert foreign_answers.classes is None


def test_answers_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """A file of objects is not unpickled, and a damaged one is no crash."""

    class Garbage(HereEnvironment):
        def answer(self, arguments: Sequence[str], paths: Sequence[str]) -> tuple[int, str]:
            """Write no archive."""
            Path(arguments[2]).write_bytes(b"\x80\x04K\x01.")
            return 0, ""

    with pytest.raises(AdoptionError, match="cannot be read"):
        answer_in_environment(Question(b"", {"rows": pd.DataFrame({"a": [1.0]})}, False), local_environment(Garbage))


def test_packages_of_the_steps_go_along() -> None:
    """A library is installed in the version that is here; the folder of somebody's own steps is searched."""
    lightgbm = pytest.importorskip("lightgbm")
    from tabento.transformers.ratios import Ratios

    extra, paths = _needs(make_pipeline(Ratios(((0, 1),)), lightgbm.LGBMRegressor()))
    assert extra == [f"lightgbm=={lightgbm.__version__}"]
    assert paths == [str(Path(__file__).parents[4])]
