"""Dates all the way: from a config in YAML and a CSV file to the answer of the service."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from bundle.contract import timestamp_seconds
from bundle.format import LATER_KEYS_FORMAT
from serving.decode import Decoder
from training.config import ConfigError, ModelConfig, load_config
from training.data.errors import DataError
from training.data.imitation import imitate
from training.data.loader import load_dataset, synthetic_csv
from training.data.validation import check_cells, validate
from training.examples import to_json_row
from training.export import export_pipeline, serialise
from training.features.attribution import raw_sources
from training.frames import to_frame, to_rows
from training.parity import check_parity, pipeline_answers
from training.pipeline import fit_pipeline
from training.reference import build_reference

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
    """A pipeline fitted on them."""
    return fit_pipeline(config, frame)


def changed(config: ModelConfig, **changes: Any) -> ModelConfig:
    """Return the config with some of its keys changed."""
    return ModelConfig.model_validate({**config.model_dump(), **changes})


def test_a_request_gets_the_answer_of_the_pipeline(config: ModelConfig, frame: pd.DataFrame, pipeline: Any) -> None:
    """A row of the file, sent as the bundle's examples have it, is answered as the pipeline answers the file."""
    contract = config.contract()
    model = serialise(export_pipeline(pipeline, contract))
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rows = [to_json_row(row, contract) for row in frame.head(20).to_dict("records")]
    assert str(rows[0]["pickup_at"]).endswith("Z")
    sent = Decoder(contract, 100).decode(json.dumps({"instances": rows}).encode())
    packed = np.frombuffer(sent.data, dtype=np.float64).reshape(20, 3)
    np.testing.assert_array_equal(packed, to_rows(frame.head(20), contract))
    expected = pipeline.predict(to_frame(packed, contract))
    np.testing.assert_allclose(session.run(None, {"rows": packed})[0], expected, rtol=1e-12)


def test_parity_looks_at_turns_of_the_calendar(config: ModelConfig, frame: pd.DataFrame, pipeline: Any) -> None:
    """Midnights, leap days, both ends of the range: no row takes another branch."""
    contract = config.contract()
    model = serialise(export_pipeline(pipeline, contract))
    report = check_parity(pipeline, model, contract, frame.head(60), max_rows=1500)
    assert report.worst_relative == 0
    assert sum(part.other_branches for part in report.parts) == 0


def test_the_model_sees_the_parts_alone(pipeline: Any) -> None:
    """Numbers, then the parts in the order of the config; the seconds themselves are not among them."""
    names = [name.split("__")[1] for name in pipeline[:-1].get_feature_names_out()]
    pickup = [f"pickup_at_{part}" for part in ("year", "month", "weekday", "hour", "elapsed_days")]
    assert names == ["distance", *pickup, "booked_at_hour", "booked_at_day_of_year"]
    sources = raw_sources(pipeline[0])
    assert sources == [("distance",), *[("pickup_at",)] * 5, *[("booked_at",)] * 2]


@pytest.mark.parametrize("impute", ["knn", "iterative", "most_frequent"])
def test_every_imputation_goes_with_dates(config: ModelConfig, frame: pd.DataFrame, impute: str) -> None:
    """Also one that looks across columns: parts are imputed each by itself."""
    fitted = fit_pipeline(changed(config, impute=impute), frame.head(100))
    assert np.isfinite(fitted.predict(to_frame(to_rows(frame, config.contract()), config.contract()))).all()


def test_older_services_refuse_such_a_contract(config: ModelConfig) -> None:
    """A contract with a timestamp is written in the format that has the type, and reads back."""
    contract = config.contract()
    assert contract.format_version == LATER_KEYS_FORMAT
    assert type(contract).model_validate_json(contract.model_dump_json()) == contract


def test_a_file_and_a_request_do_not_differ(config: ModelConfig) -> None:
    """Each form of a timestamp is the same number in a file as in a request; blanks around it are the file's own."""
    texts = ["2026-11-27", "2026-11-27 16:08:17", "2026-11-27T16:08:17.123456789+01:30", " 2026-11-27T16:08z "]
    cells = pd.DataFrame({"pickup_at": texts, "booked_at": ["never", None, "1969-12-31T23:59:59.5Z", "2026-11-27"]})
    values, faults = check_cells(cells, config.features[:2])
    assert faults == []
    assert values["pickup_at"].tolist() == [timestamp_seconds(text.strip()) for text in texts]
    np.testing.assert_array_equal(values["booked_at"], [np.nan, np.nan, -0.5, 1795737600.0])


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_timestamps_of_pandas_are_taken(config: ModelConfig, zone: str | None) -> None:
    """A typed table has the same seconds; one without a zone counts as UTC."""
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
def test_other_forms_are_told_with_what_to_do(
    config: ModelConfig, frame: pd.DataFrame, cells: list[str], remedy: str
) -> None:
    """The message has the line to paste or the call that converts the column."""
    raw = pd.read_csv(io.BytesIO(synthetic_csv(config)[0])).head(100).astype({"pickup_at": object})
    raw.loc[: len(cells) - 1, "pickup_at"] = cells
    if not any(cell.startswith(("2026-", "2014-")) for cell in cells):
        raw["pickup_at"] = (cells * 100)[:100]
    with pytest.raises(DataError) as error:
        validate(raw, config)
    assert remedy in str(error.value)


def test_the_way_to_convert_is_right() -> None:
    """What a message says of a form gives timestamps that are read."""
    table = pd.DataFrame({"at": ["27.11.2026 16:08", "1.2.2026 00:00"]})
    converted = pd.to_datetime(table["at"], format="%d.%m.%Y %H:%M").dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert [timestamp_seconds(text) for text in converted] == [1795795680.0, 1769904000.0]


def test_rows_are_imitated_as_text(config: ModelConfig, frame: pd.DataFrame, pipeline: Any) -> None:
    """Rows like those of a stored model have timestamps that validation takes, within the range."""
    contract = config.contract()
    reference = build_reference(
        config, frame, pipeline_answers(pipeline, to_frame(to_rows(frame, contract), contract), contract)
    )
    rows = imitate(config, contract, reference, "ride:1")
    assert rows["pickup_at"].str.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ").all()
    assert validate(rows, config)["pickup_at"].between(frame["pickup_at"].min() - 1, frame["pickup_at"].max() + 1).all()


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ([], r"'pickup_at' is a timestamp of which the model sees nothing; add `dates: \[\{column: pickup_at"),
        ([{"column": "distance", "parts": ["year"]}], "'distance' is no timestamp; there are"),
        ([{"column": "pickup_at", "parts": ["year"]}, {"column": "pickup_at", "parts": ["day"]}], "appears twice"),
        ([{"column": "pickup_at", "parts": ["year", "year"]}], "each part once"),
        ([{"column": "pickup_at", "parts": ["century"]}], "'year', 'month'"),
        ([{"column": "pickup_at", "parts": []}], "at least 1 item"),
    ],
)
def test_dates_that_do_not_go_together_are_refused(config: ModelConfig, dates: list[Any], message: str) -> None:
    """A timestamp without parts, parts of something else, parts twice or unknown."""
    with pytest.raises((ConfigError, ValueError), match=message):
        changed(config, derived={"dates": dates})


def test_a_bound_that_is_no_date_is_told_with_its_line(tmp_path: Path) -> None:
    """The message has file and line, what was expected and what came."""
    path = tmp_path / "ride.yaml"
    path.write_text(RIDE.read_text().replace("minimum: 2015-01-01", "minimum: 1.1.2015"))
    with pytest.raises(
        ConfigError, match=r"ride.yaml:10.*a date and time such as 2026-11-27T16:08:17Z, got '1.1.2015'"
    ):
        load_config(path)
