"""The loader uses the best available source, and never a worse one without a warning."""

from __future__ import annotations

import csv
import gzip
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabento.tables.faults import DataError, DownloadError
from tests.retries import AT_ONCE
from tests.training.data.conftest import Answer, WebServer
from training.config import ModelConfig, Source
from training.data.loader import Dataset, csv_text, load_dataset, read_csv
from training.data.synthetic import generate
from training.data.validation import validate

HEADER = "age,crown width,height,slope,pruned,sort,soil,apples"
ROW = "5,2.5,3,NA,true,COX,,40.5"


def load(config: ModelConfig, requested: str | None, cache: Path, warnings: list[str] | None = None) -> Dataset:
    """Load without waits between attempts; warnings are added to the list."""
    messages = [] if warnings is None else warnings
    return load_dataset(config, requested, cache, messages.append, retry=AT_ONCE)


def write_file(folder: Path, text: str | bytes, name: str = "trees.csv") -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def with_source(config: ModelConfig, url: str, content: bytes) -> ModelConfig:
    """Return the config with its own source."""
    return config.model_copy(update={"source": Source(url=url, sha256=hashlib.sha256(content).hexdigest())})


def test_given_file_is_read_as_real_data(orchard: ModelConfig, tmp_path: Path) -> None:
    """A file is identified by its name and checksum; its folder is not recorded."""
    content = f"{HEADER}\n{ROW}\n".encode()
    warnings: list[str] = []
    dataset = load(orchard, write_file(tmp_path, content), tmp_path / "cache", warnings)
    assert (dataset.kind, dataset.source, dataset.file) == ("real", "trees.csv", tmp_path / "trees.csv")
    assert dataset.sha256 == hashlib.sha256(content).hexdigest()
    assert list(dataset.frame.columns) == HEADER.split(",")
    assert dataset.frame.loc[0, ["slope", "soil"]].isna().all()
    assert warnings == []


def test_categories_stay_text(orchard: ModelConfig, tmp_path: Path) -> None:
    """A category that looks like a number stays text."""
    rows = "\n".join(ROW.replace("COX", code) for code in ("1", "007"))
    frame = load(orchard, write_file(tmp_path, f"{HEADER}\n{rows}\n"), tmp_path).frame
    assert frame["sort"].tolist() == ["1", "007"]


def test_extra_columns_are_kept_for_validation(orchard: ModelConfig, tmp_path: Path) -> None:
    """The loader does not check columns: validation reports unknown ones."""
    frame = load(orchard, write_file(tmp_path, f"{HEADER},owner\n{ROW},me\n"), tmp_path).frame
    assert frame["owner"].tolist() == ["me"]


def test_byte_order_mark_is_not_part_of_a_name(orchard: ModelConfig, tmp_path: Path) -> None:
    """A file saved by a spreadsheet has the same first column as any other file."""
    frame = load(orchard, write_file(tmp_path, f"{HEADER}\n{ROW}\n".encode("utf-8-sig")), tmp_path).frame
    assert frame.columns[0] == "age"


def test_numbers_are_read_to_the_last_bit(orchard: ModelConfig, tmp_path: Path) -> None:
    """The same text gives the same float64 in a client's JSON and in training's CSV."""
    numbers = np.random.default_rng(0).lognormal(0, 5, 5_000)
    rows = "\n".join(ROW.replace("2.5", repr(number)) for number in numbers.tolist())
    frame = load(orchard, write_file(tmp_path, f"{HEADER}\n{rows}\n"), tmp_path).frame
    np.testing.assert_array_equal(frame["crown width"], numbers)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        (f"{HEADER}\n", "a header but no rows"),
        (f"{HEADER.replace(',', ';')}\n{ROW.replace(',', ';')}\n", "expected commas .* got semicolons"),
        (f"{HEADER.replace(',', chr(9))}\n", "got tabs"),
        (f"{HEADER},age\n{ROW},5\n", "distinct names in the header, got 'age' more than once"),
        (f"{HEADER}\n{ROW}\n{ROW},1,2\n", "not a well-formed CSV file.*line 3"),
        (f"{HEADER}\n{ROW},1\n", "more values than the header has names"),
        (f'{HEADER}\n"{ROW}\n', "not a well-formed CSV file"),
        (f"{HEADER}\n{ROW}\n".encode() + b"\xff\n", "expected UTF-8, got byte 0xff"),
        (f"{HEADER}\n{ROW.replace('COX', 'naïve')}\n".encode("latin-1"), "got byte 0xef at .* in line 2 .* Latin-1"),
        (f"{HEADER}\n{ROW}\n".encode("utf-16"), "got UTF-16"),
        (gzip.compress(f"{HEADER}\n{ROW}\n".encode()), "got a gzip archive"),
        (f"{HEADER}\n{ROW}\n".encode().replace(b"COX", b"C\0X"), "got a NUL byte at .* in line 2"),
        (f"{HEADER}\n{ROW}\n{ROW[:9]}", "8 values in each row, .* 1 row is shorter: 4 values in row 2"),
        (
            f"{HEADER}\n{ROW}\n{ROW.replace('COX', 'X' * 200_000)}\n",
            "sort: .* in a value; .* 200,000 characters in row 2",
        ),
    ],
)
def test_malformed_files_are_named_with_the_reason(
    orchard: ModelConfig, tmp_path: Path, content: str | bytes, reason: str
) -> None:
    """A file that pandas would misread is refused with a reason."""
    with pytest.raises(DataError, match=rf"(?s)trees\.csv.*{reason}"):
        load(orchard, write_file(tmp_path, content), tmp_path)


def test_the_order_of_columns_and_the_format_do_not_matter(orchard: ModelConfig, tmp_path: Path) -> None:
    """Other column orders, line ends, a byte order mark and blank lines at the end give the same rows."""
    generated = generate(orchard.synthetic)
    plain = validate(load(orchard, write_file(tmp_path, generated.to_csv(index=False)), tmp_path).frame, orchard)
    shuffled = generated[generated.columns[::-1]].to_csv(
        index=False, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC
    )
    other = write_file(tmp_path, f"\ufeff{shuffled}\r\n \r\n\r\n", "other.csv")
    pd.testing.assert_frame_equal(validate(load(orchard, other, tmp_path).frame, orchard), plain)


def test_many_rows_are_read_and_checked(california: ModelConfig, tmp_path: Path) -> None:
    """200,000 rows are read as they were generated, and a single wrong cell near the end is reported."""
    generated = generate(california.synthetic, rows=200_000)
    clean = validate(load(california, write_file(tmp_path, generated.to_csv(index=False)), tmp_path).frame, california)
    pd.testing.assert_frame_equal(clean, generated[list(clean.columns)].astype(clean.dtypes))
    generated.loc[199_998, "latitude"] = 99.0
    with pytest.raises(DataError, match=r"has 1 fault .*\n  latitude: .*; 1 value is not: 99 in row 199999\n"):
        validate(load(california, write_file(tmp_path, generated.to_csv(index=False)), tmp_path).frame, california)


def test_a_refused_file_stays_cached_under_its_checksum(orchard: ModelConfig, web: WebServer, tmp_path: Path) -> None:
    """If an address sends another format, the cache contains the complete download and nothing else."""
    page = b"<html>Sign in</html>"
    web.answers = [Answer(body=page)]
    with pytest.raises(DataError, match=r"trees\.csv: expected a CSV file in UTF-8, got a web page"):
        load(orchard, f"{web.url}/trees.csv", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{hashlib.sha256(page).hexdigest()}.csv"]


@pytest.mark.parametrize("requested", ["nowhere.csv", "."])
def test_given_file_that_cannot_be_read_is_an_error(orchard: ModelConfig, tmp_path: Path, requested: str) -> None:
    """No other data replaces a file that was given."""
    with pytest.raises(DataError, match=r"DATA=<path>"):
        load(orchard, str(tmp_path / requested), tmp_path)


def test_given_address_is_downloaded(orchard: ModelConfig, web: WebServer, tmp_path: Path) -> None:
    """An address needs no checksum in the config; the data set has the checksum of the download."""
    content = f"{HEADER}\n{ROW}\n".encode()
    web.answers = [Answer(body=content)]
    dataset = load(orchard, f"{web.url}/trees.csv", tmp_path)
    assert (dataset.kind, dataset.source) == ("real", f"{web.url}/trees.csv")
    assert dataset.sha256 == hashlib.sha256(content).hexdigest()


def test_given_address_that_fails_is_an_error(orchard: ModelConfig, web: WebServer, tmp_path: Path) -> None:
    """Synthetic data never replaces a wrong address."""
    web.answers = [Answer(status=404)]
    with pytest.raises(DownloadError, match="404"):
        load(orchard, f"{web.url}/trees.csv", tmp_path)


def test_given_address_of_the_config_keeps_its_checksum(orchard: ModelConfig, web: WebServer, tmp_path: Path) -> None:
    """The config's checksum applies to its address, also if the address is given by hand."""
    web.answers = [Answer(body=b"altered")]
    config = with_source(orchard, f"{web.url}/trees.csv", b"original")
    with pytest.raises(DownloadError, match="expected sha256"):
        load(config, f"{web.url}/trees.csv", tmp_path)


def test_source_of_the_config_is_used_and_cached(orchard: ModelConfig, web: WebServer, tmp_path: Path) -> None:
    """Without given data the config's real data is used, and downloaded once."""
    content = f"{HEADER}\n{ROW}\n".encode()
    web.answers = [Answer(body=content)]
    config = with_source(orchard, f"{web.url}/trees.csv", content)
    warnings: list[str] = []
    datasets = [load(config, None, tmp_path, warnings) for _ in range(2)]
    assert [dataset.kind for dataset in datasets] == ["real", "real"]
    assert datasets[0].source == f"{web.url}/trees.csv"
    assert web.requests == 1
    assert warnings == []


def test_unreachable_source_falls_back_with_a_warning(orchard: ModelConfig, web: WebServer, tmp_path: Path) -> None:
    """If the config's data is not available, synthetic rows are used and a warning has the reason."""
    web.answers = [Answer(status=500)]
    warnings: list[str] = []
    dataset = load(with_source(orchard, f"{web.url}/trees.csv", b"x"), None, tmp_path, warnings)
    assert (dataset.kind, dataset.source) == ("synthetic", "synthetic, seed 3")
    assert len(warnings) == 1
    assert warnings[0].startswith("SYNTHETIC DATA")
    assert "500" in warnings[0]


def test_config_without_source_means_synthetic_rows(orchard: ModelConfig, tmp_path: Path) -> None:
    """A config without a source uses its generator, with a warning."""
    warnings: list[str] = []
    dataset = load(orchard, None, tmp_path, warnings)
    assert dataset.kind == "synthetic"
    assert "names no source" in warnings[0]


def test_synthetic_rows_have_the_checksum_of_their_csv(orchard: ModelConfig, tmp_path: Path) -> None:
    """The same seed gives the same checksum, and the rows are exactly the same after writing and reading CSV."""
    warnings: list[str] = []
    dataset = load(orchard, "synthetic", tmp_path, warnings)
    generated = generate(orchard.synthetic)
    content = generated.to_csv(index=False, lineterminator="\n").encode()
    assert dataset.sha256 == hashlib.sha256(content).hexdigest() == load(orchard, "synthetic", tmp_path).sha256
    pd.testing.assert_frame_equal(dataset.frame, generated, check_dtype=False)
    assert dataset.file is None
    assert "as requested" in warnings[0]


def test_missing_texts_can_differ_by_column() -> None:
    """A word can mean a missing value in one column and be a value in another; text stays text."""
    text = csv_text(b"\xef\xbb\xbfa,b,c\nNA,NA,01\n1,x,02\n", "rows.csv")
    frame = read_csv(text, "rows.csv", ["c"], {"a": ("NA",), "b": ()})
    assert frame["a"].isna().tolist() == [True, False]
    assert frame["b"].tolist() == ["NA", "x"]
    assert frame["c"].tolist() == ["01", "02"]


def test_missing_texts_of_a_column_apply_to_it_alone(orchard: ModelConfig, tmp_path: Path) -> None:
    """Numbers of other columns are read as numbers, and identifiers keep their leading zeros."""
    content = orchard.model_dump()
    content["features"] = [dict(column) for column in content["features"]]
    content["features"][3] |= {"missing": (" ", "?")}
    config = ModelConfig.model_validate({**content, "identifiers": [{"name": "tree"}]})
    path = tmp_path / "trees.csv"
    path.write_text("slope,height,tree\n ,1,01\n1.5,?,007\n?,3,x\n", encoding="utf-8")
    frame = load(config, str(path), tmp_path).frame
    assert frame["slope"].dtype == np.float64
    assert frame["slope"].isna().tolist() == [True, False, True]
    assert frame["height"].tolist() == ["1", "?", "3"]
    assert frame["tree"].tolist() == ["01", "007", "x"]
