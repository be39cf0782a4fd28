"""Dates from end to end: from a config in YAML and a CSV file to the answer of the service."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from serving.codec.decode import Decoder
from tabento.bundle.contract import timestamp_seconds
from tabento.bundle.format import LATER_KEYS_FORMAT
from tabento.export import export_pipeline, serialise
from tabento.packaging.examples import to_json_row
from tabento.packaging.reference import build_reference
from tabento.parity import check_parity, pipeline_answers
from tabento.tables.faults import DataError
from tabento.tables.frames import to_frame, to_rows
from training.config import ConfigError, ModelConfig, load_config
from training.data.imitation import imitate
from training.data.loader import load_dataset, synthetic_csv
from training.data.validation import check_cells, validate
from training.model.attribution import raw_sources
from training.model.pipeline import fit_pipeline

RIDE = Path(__file__).parents[1] / "configs" / "ride.yaml"


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    """The rides' config."""
    return load_config(RIDE)


@pytest.fixture(scope="module")
def frame(config: ModelConfig) -> pd.DataFrame:
    """The rides' synthetic rows, read back from a CSV file and validated."""
    return validate(load_dataset(config, "synthetic", Path(), lambda _: None).frame, config)


@pytest.fixture(scope="module")
def pipeline(config: ModelConfig, frame: pd.DataFrame) -> Any:
    """A pipeline fitted on these rows."""
    return fit_pipeline(config, frame)


def change_config(config: ModelConfig, **changes: Any) -> ModelConfig:
    """Return the config with some of its keys changed."""
    return ModelConfig.model_validate({**config.model_dump(), **changes})


def test_a_request_gets_the_answer_of_the_pipeline(config: ModelConfig, frame: pd.DataFrame, pipeline: Any) -> None:
    """A row of the file, sent in the form of the bundle's examples, gets the answer of the pipeline."""
    contract = config.contract()
    model = serialise(export_pipeline(pipeline, contract))
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rows = [to_json_row(row, contract) for row in frame.head(20).to_dict("records")]
    assert str(rows[0]["pickup_at"]).endswith("Z")
    decoded = Decoder(contract, 100).decode(json.dumps({"instances": rows}).encode())
    packed = np.frombuffer(decoded.data, dtype=np.float64).reshape(20, 3)
    np.testing.assert_array_equal(packed, to_rows(frame.head(20), contract))
    expected = pipeline.predict(to_frame(packed, contract))
    np.testing.assert_allclose(session.run(None, {"rows": packed})[0], expected, rtol=1e-12)


def test_parity_covers_calendar_boundaries(config: ModelConfig, frame: pd.DataFrame, pipeline: Any) -> None:
    """At midnights, on leap days and at both ends of the range, no row takes another branch."""
    contract = config.contract()
    model = serialise(export_pipeline(pipeline, contract))
    report = check_parity(pipeline, model, contract, frame.head(60), max_rows=1500)
    assert report.worst_relative == 0
    assert sum(part.other_branches for part in report.parts) == 0


def test_the_model_gets_the_parts_only(pipeline: Any) -> None:
    """The model gets the numbers, then the parts in the order of the config, and not the seconds themselves."""
    names = [name.split("__")[1] for name in pipeline[:-1].get_feature_names_out()]
    pickup = [f"pickup_at_{part}" for part in ("year", "month", "weekday", "hour", "elapsed_days")]
    assert names == ["distance", *pickup, "booked_at_hour", "booked_at_day_of_year"]
    sources = raw_sources(pipeline[0])
    assert sources == [("distance",), *[("pickup_at",)] * 5, *[("booked_at",)] * 2]


@pytest.mark.parametrize("impute", ["knn", "iterative", "most_frequent"])
def test_every_imputation_works_with_dates(config: ModelConfig, frame: pd.DataFrame, impute: str) -> None:
    """Each imputation accepts the parts of dates, also one that uses several columns."""
    pipeline = fit_pipeline(change_config(config, impute=impute), frame.head(100))
    assert np.isfinite(pipeline.predict(to_frame(to_rows(frame, config.contract()), config.contract()))).all()


def test_older_services_refuse_such_a_contract(config: ModelConfig) -> None:
    """A contract with a timestamp has the format number that added the type, and survives a round trip."""
    contract = config.contract()
    assert contract.format_version == LATER_KEYS_FORMAT
    assert type(contract).model_validate_json(contract.model_dump_json()) == contract


def test_a_file_and_a_request_do_not_differ(config: ModelConfig) -> None:
    """Each form of a timestamp gives the same number in a file and in a request; only a file allows blanks around it."""
    texts = ["2026-11-27", "2026-11-27 16:08:17", "2026-11-27T16:08:17.123456789+01:30", " 2026-11-27T16:08z "]
    cells = pd.DataFrame({"pickup_at": texts, "booked_at": ["never", None, "1969-12-31T23:59:59.5Z", "2026-11-27"]})
    values, faults = check_cells(cells, config.features[:2])
    assert faults == []
    assert values["pickup_at"].tolist() == [timestamp_seconds(text.strip()) for text in texts]
    np.testing.assert_array_equal(values["booked_at"], [np.nan, np.nan, -0.5, 1795737600.0])


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_timestamps_of_pandas_are_accepted(config: ModelConfig, zone: str | None) -> None:
    """pandas timestamps give the same seconds; a timestamp without a zone is UTC."""
    moments = pd.Series(pd.to_datetime(["2026-11-27T16:08:17.25", "NaT", "1969-07-20T20:17:40.00"]))
    cells = pd.DataFrame({"booked_at": moments if zone is None else moments.dt.tz_localize("UTC").dt.tz_convert(zone)})
    values, faults = check_cells(cells, config.features[1:2])
    assert faults == []
    np.testing.assert_array_equal(values["booked_at"], [1795795697.25, np.nan, -14182940.0])


@pytest.mark.parametrize(
    ("cells", "remedy"),
    [
        (["27.11.2026", "1.2.2026"], "format='%d.%m.%Y').dt.strftime"),
        (["27.11.2026 16:08", "28.11.2026 16:09"], "format='%d.%m.%Y %H:%M'"),
        (["27/11/2026", "01/02/2026"], "format='%d/%m/%Y').dt.strftime('%Y-%m-%dT%H:%M:%S.%fZ')"),
        (["11/27/2026 16:08:17", "01/02/2026 16:08:17"], "format='%m/%d/%Y %H:%M:%S'"),
        (["01/02/2026"], "if the month comes first"),
        (["2026/11/27", "2026/1/2"], "format='%Y/%m/%d'"),
        (["20261127"], "format='%Y%m%d'"),
        (["1795795697", "1795795698"], "unit='s'"),
        (["1795795697000"], "unit='ms'"),
        (["?", "2026-11-27"], "missing: ['?']"),
        (
            ["2014-12-31", "2031-01-01T00:00:00.5Z"],
            "minimum: '2014-12-31T00:00:00Z', maximum: '2031-01-01T00:00:00.5Z'",
        ),
        (["soon", "later"], "categories: [later, soon]"),
    ],
)
def test_other_forms_are_refused_with_a_remedy(
    config: ModelConfig, frame: pd.DataFrame, cells: list[str], remedy: str
) -> None:
    """The message has the line to paste, or the call that converts the column."""
    raw = pd.read_csv(io.BytesIO(synthetic_csv(config)[0])).head(100).astype({"pickup_at": object})
    raw.loc[: len(cells) - 1, "pickup_at"] = cells
    if not any(cell.startswith(("2026-", "2014-")) for cell in cells):
        raw["pickup_at"] = (cells * 100)[:100]
    with pytest.raises(DataError) as error:
        validate(raw, config)
    assert remedy in str(error.value)


def test_the_suggested_conversion_works() -> None:
    """The call that a message suggests for a form gives valid timestamps."""
    table = pd.DataFrame({"at": ["27.11.2026 16:08", "1.2.2026 00:00"]})
    converted = pd.to_datetime(table["at"], format="%d.%m.%Y %H:%M").dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert [timestamp_seconds(text) for text in converted] == [1795795680.0, 1769904000.0]


def test_rows_are_imitated_as_text(config: ModelConfig, frame: pd.DataFrame, pipeline: Any) -> None:
    """Rows that imitate those of a stored model have valid timestamps within its range."""
    contract = config.contract()
    reference = build_reference(
        config.contract(), frame, pipeline_answers(pipeline, to_frame(to_rows(frame, contract), contract), contract)
    )
    rows = imitate(config, contract, reference, "ride:1")
    assert rows["pickup_at"].str.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ").all()
    assert validate(rows, config)["pickup_at"].between(frame["pickup_at"].min() - 1, frame["pickup_at"].max() + 1).all()


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ([], r"'pickup_at' is a timestamp that the model cannot use directly; add `dates: \[\{column: pickup_at"),
        ([{"column": "distance", "parts": ["year"]}], "'distance' is not a timestamp; there are"),
        ([{"column": "pickup_at", "parts": ["year"]}, {"column": "pickup_at", "parts": ["day"]}], "appears twice"),
        ([{"column": "pickup_at", "parts": ["year", "year"]}], "each part once"),
        ([{"column": "pickup_at", "parts": ["century"]}], "'year', 'month'"),
        ([{"column": "pickup_at", "parts": []}], "at least 1 item"),
    ],
)
def test_contradictory_dates_are_refused(config: ModelConfig, dates: list[Any], message: str) -> None:
    """A timestamp without parts, parts of another type, and repeated or unknown parts are refused."""
    with pytest.raises((ConfigError, ValueError), match=message):
        change_config(config, derived={"dates": dates})


def test_a_bound_that_is_not_a_date_is_refused_with_its_line(tmp_path: Path) -> None:
    """The message has file and line, the expected and the actual value."""
    path = tmp_path / "ride.yaml"
    path.write_text(RIDE.read_text().replace("minimum: 2015-01-01", "minimum: 1.1.2015"))
    with pytest.raises(
        ConfigError, match=r"ride.yaml:10.*a date and time such as 2026-11-27T16:08:17Z, got '1.1.2015'"
    ):
        load_config(path)
