"""Six well-known public tables, imitated with their traps: each gets a config without an edit."""

from __future__ import annotations

import pytest

from benchmarks.first_steps.tables import TABLES
from tests.training.commands.init.files import QUIET, request_for
from training.commands.init.run import InitResult, init
from training.config import load_config
from training.model.pipeline import fit_pipeline

ROWS = {"telco": 600, "titanic": 500, "ames": 400, "adult": 600, "bank": 600, "taxi": 3_000}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, InitResult]:
    """What `tabento init` makes of each table."""
    results = {}
    for name, table in TABLES.items():
        folder = tmp_path_factory.mktemp(name)
        results[name] = init(request_for(table.write(folder, ROWS[name]), table.target, name=name), QUIET)
    return results


def features_of(result: InitResult) -> dict[str, str]:
    """The type of each feature."""
    return {feature.name: feature.type for feature in result.config.features}


@pytest.mark.parametrize("name", TABLES)
def test_config_is_checked_and_of_the_right_task(results: dict[str, InitResult], name: str) -> None:
    """No edit is needed; every column of the file is a feature, the target or dropped with a reason."""
    result, table = results[name], TABLES[name]
    assert result.config.task == table.task
    assert len(result.parts.train) + len(result.parts.test) == ROWS[name]
    width = len(result.config.features) + len(result.config.drop) + 1
    assert width == len(result.data.read_text(encoding="utf-8").splitlines()[0].split(","))
    assert all(result.config.drop.values())
    warnings: list[str] = []
    load_config(result.out, warnings.append)
    assert warnings == []


def test_telco(results: dict[str, InitResult]) -> None:
    """The blank in TotalCharges is missing, 0 and 1 and Yes and No are truth values, and the identifier goes."""
    result = results["telco"]
    features = {feature.name: feature for feature in result.config.features}
    assert (features["TotalCharges"].type, features["TotalCharges"].missing) == ("number", (" ",))
    assert {name for name, kind in features_of(result).items() if kind == "boolean"} == {
        "SeniorCitizen", "Partner", "Dependents", "PhoneService", "PaperlessBilling",
    }  # fmt: skip
    assert list(result.config.drop) == ["customerID"]
    assert result.config.target.positive == "Yes"
    assert result.draft.doubts == ()


def test_titanic(results: dict[str, InitResult]) -> None:
    """Names, tickets and cabins hardly repeat; ages and ports are missing; the row number goes."""
    result = results["titanic"]
    assert list(result.config.drop) == ["PassengerId", "Name", "Ticket", "Cabin"]
    nullable = {feature.name for feature in result.config.features if feature.nullable}
    assert "Age" in nullable <= {"Age", "Embarked"}
    assert any("Cabin is dropped" in doubt for doubt in result.draft.doubts)


def test_ames(results: dict[str, InitResult]) -> None:
    """NA is missing, which the model sees as a kind of its own; None is a kind; a class by number is a category."""
    result = results["ames"]
    features = {feature.name: feature for feature in result.config.features}
    assert len(features) >= 76
    assert (features["Alley"].nullable, features["Alley"].missing) == (True, ("NA",))
    assert "None" in (features["MasVnrType"].categories or ())
    assert features["MSSubClass"].type == "category"
    assert features["LotFrontage"].type == "integer"
    assert "Id" in result.config.drop


def test_adult(results: dict[str, InitResult]) -> None:
    """Blanks behind commas go in a copy, question marks are missing, and the positive class is said to be a guess."""
    result = results["adult"]
    features = {feature.name: feature for feature in result.config.features}
    assert result.changes == ("blanks behind the delimiters",)
    assert features["workclass"].missing == ("?",)
    assert "Private" in (features["workclass"].categories or ())
    assert result.config.target.positive == ">50K"
    assert "the rarer one" in result.draft.doubts[0]


def test_bank(results: dict[str, InitResult]) -> None:
    """Semicolons go in a copy; `unknown` is a kind; -1 days stay a number."""
    result = results["bank"]
    features = {feature.name: feature for feature in result.config.features}
    assert result.changes == ("semicolons",)
    assert "unknown" in (features["poutcome"].categories or ())
    assert features["pdays"].type == "integer"
    assert result.config.target.positive == "yes"


def test_taxi(results: dict[str, InitResult]) -> None:
    """Zones are codes that training takes from the data; times come with their parts, and what is a guess is said."""
    result = results["taxi"]
    features = {feature.name: feature for feature in result.config.features}
    assert features["PULocationID"].type == "category"
    assert len(features["PULocationID"].categories or ()) != 262
    assert features["passenger_count"].type == "integer"
    assert features["tpep_pickup_datetime"].type == "timestamp"
    assert {dates.column for dates in result.config.derived.dates} >= {"tpep_pickup_datetime"}


@pytest.mark.parametrize("name", ["telco", "ames"])
def test_pipeline_can_be_fitted(results: dict[str, InitResult], name: str) -> None:
    """What the config says can be learned: a regression with 43 categories, and a classification."""
    parts = results[name].parts
    small = parts.config.model_copy(
        update={"estimator": parts.config.estimator.model_copy(update={"params": {"max_iter": 5}})}
    )
    assert len(fit_pipeline(small, parts.train).predict(parts.test)) == len(parts.test)
