"""The command ``tabento log``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from monitoring.commands.log import command, log_folder, read_time
from monitoring.log.errors import LogError
from monitoring.log.reader import read_log
from monitoring.log.row_lines import encode_failures
from monitoring.log.sealing import seal
from tests.monitoring.log.logged_rows import FIRST_S, failure, lines_of, monitored, predicted_rows, row_encoder
from tests.monitoring.log.test_reader import write_segment

OLD, NEW = monitored(), monitored(version="v2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a log with a sealed segment of 20 rows and an error of version v1, and a plain one of 5 rows of v2."""
    log = tmp_path / "log"
    rows = predicted_rows(OLD, count=20, callers=["shop"] * 20)
    seal(write_segment(log, row_encoder(OLD).encode(rows) + encode_failures([failure(OLD, ["age"])])))
    write_segment(log, lines_of(NEW, 100, 5) + b'{"torn', 2)
    return log


def run(*words: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(command, words, standalone_mode=False, catch_exceptions=False)


def records(*words: str) -> list[dict[str, Any]]:
    """Return the objects that ``query`` prints."""
    return [json.loads(line) for line in run("query", *words).stdout.splitlines()]


def test_records_are_printed_as_they_are(folder: Path) -> None:
    """Each record is one line of JSON, as in the log."""
    assert records("--folder", str(folder)) == list(read_log(folder))
    assert len(records("--folder", str(folder), "--errors")) == 26


@pytest.mark.parametrize("sql", [(), ("--sql", "SELECT request_id FROM predictions ORDER BY time")])
def test_records_are_selected(folder: Path, sql: tuple[str, ...]) -> None:
    """Request id, row, version, time and limit select the same records with and without SQL."""

    def ids(*words: str) -> list[str]:
        return [record["request_id"] for record in records("--folder", str(folder), *words, *sql)]

    assert ids("--request-id", "r3", "--request-id", "r101") == ["r3", "r101"]
    assert ids("--request-id", "r3", "--row", "1") == []
    assert ids("--request-id", "r3", "--request-id", "r101", "--version", "v2") == ["r101"]
    assert ids("--version", "v2", "--limit", "2") == ["r100", "r101"]
    assert ids("--model", "other") == []
    assert ids("--since", "2026-09-21T14:13:38Z", "--until", "2026-09-21T14:15:01Z") == ["r18", "r19", "r100"]


def test_sql_reads_rows_and_errors(folder: Path) -> None:
    """The views have every documented column, features are columns of their own, and times are as in the log."""
    sql = "SELECT version, count(*) AS n, max(time) AS last, max(cache) AS cache, max(key) AS key FROM predictions GROUP BY 1 ORDER BY 1"
    first, second = records("--folder", str(folder), "--sql", sql)
    assert first == {"version": "v1", "n": 20, "last": "2026-09-21T14:13:39.000000Z", "cache": None, "key": "shop"}
    assert (second["n"], second["key"]) == (5, None)
    assert records("--folder", str(folder), "--sql", "SELECT status, fields FROM errors") == [
        {"status": 422, "fields": ["age"]}
    ]
    sql = 'SELECT sum(features.age) AS age, any_value(features."crown width") AS width FROM predictions'
    assert records("--folder", str(folder), "--sql", sql) == [{"age": 0, "width": 0.0}]


def test_a_wrong_statement_is_told(folder: Path) -> None:
    """The message of DuckDB reaches the user."""
    with pytest.raises(LogError, match='column "nothing" not found'):
        run("query", "--folder", str(folder), "--sql", "SELECT nothing FROM predictions")


def test_sql_without_duckdb_names_the_remedy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, SQL says how to install it; other queries run."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(LogError, match=r"pip install 'tabento\[log\]'"):
        run("query", "--folder", str(folder), "--sql", "SELECT 1")
    assert len(records("--folder", str(folder))) == 25


def test_values_of_options_are_not_sql(folder: Path) -> None:
    """A quote in a request id ends no text."""
    words = ("--request-id", "' OR '1'='1", "--sql", "SELECT * FROM predictions")
    assert records("--folder", str(folder), *words) == []


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    """Every command names the folder and the remedy."""
    for name in ("list", "query", "compact", "verify"):
        with pytest.raises(LogError, match=r"There is no folder .* --folder"):
            run(name, "--folder", str(tmp_path / "none"))
    with pytest.raises(LogError, match="has no prediction log"):
        run("query", "--folder", str(tmp_path), "--sql", "SELECT 1")


def test_the_files_are_listed(folder: Path) -> None:
    """Each file has its times, records, bytes and models; the last line has the sums."""
    first, second, total = run("list", "--folder", str(folder)).stdout.splitlines()
    assert first.startswith("2026-09-21T14:13:20  2026-09-21T14:13:39         21 records")
    assert "plain     orchard:v2" in second
    assert total.startswith("26 records, ")
    summary = json.loads(run("list", "--folder", str(folder), "--json").stdout.splitlines()[0])
    assert (summary["state"], summary["records"], summary["models"]) == ("sealed", 21, ["orchard:v1"])


def test_parquet_has_all_records(folder: Path) -> None:
    """Sealed files become one Parquet file for each version, digit for digit; with --remove they are then removed."""
    answers = [[1 / (3 + index)] for index in range(50)]
    seal(write_segment(folder, row_encoder(NEW).encode(predicted_rows(NEW, answers=answers, count=50)), 3))
    out = folder.parent / "parquet"
    assert run("compact", "--folder", str(folder)).stdout.splitlines()[-1] == "71 records"
    (path,) = out.glob("orchard/v2/*.parquet")
    logged = records("--folder", str(folder), "--sql", f"SELECT prediction FROM '{path}' ORDER BY time")  # noqa: S608 - the rows of the test
    assert [record["prediction"] for record in logged] == [number for (number,) in answers]
    run("compact", "--folder", str(folder), "--out", str(out), "--remove")
    assert sorted(path.name.partition(".jsonl")[2] for path in folder.glob("*0123abcd*")) == [""]
    assert len(list(out.glob("orchard/*/*.parquet"))) == 2


def test_damaged_lines_are_kept_by_compact(folder: Path) -> None:
    """If a line cannot become Parquet, no file is removed."""
    seal(write_segment(folder, lines_of(NEW, 200, 3) + b"damaged\n" + lines_of(NEW, 203, 1), 4))
    with pytest.raises(LogError, match="25 of 26 records, so no segment was removed"):
        run("compact", "--folder", str(folder), "--remove")
    assert len(list(folder.glob("*.jsonl.gz"))) == 2


def test_an_intact_log_is_verified(folder: Path) -> None:
    """The exit code is 0; a torn last line that a living process may be writing is not a fault."""
    result = run("verify", "--folder", str(folder))
    assert (result.return_value, result.stdout) == (0, "2 files, 0 faults\n")


def test_damage_is_told(folder: Path) -> None:
    """Damaged lines, compressed files and indices are each told by the name of their segment."""
    names = [write_segment(folder, lines_of(NEW, 0, 5) + b"x\n", number) for number in range(3, 7)]
    for segment in names[1:]:
        seal(segment)
    names[1].index_path.unlink()
    names[2].index_path.write_bytes(names[2].index_path.read_bytes()[:100])
    content = names[3].sealed_path.read_bytes()
    names[3].sealed_path.write_bytes(content[:-30])
    result = run("verify", "--folder", str(folder))
    assert result.return_value == 1
    for text in (
        "1 lines are not records",
        "the index is missing",
        "the index is damaged",
        "the compressed file is damaged",
    ):
        assert text in result.stdout
    assert len(list(read_log(folder))) >= 35


def test_times_are_dates_timestamps_and_ages() -> None:
    """A time is read in UTC, an age is counted from now."""
    assert read_time("2026-09-21T14:13:20Z") == FIRST_S
    assert abs(read_time("2h") - (time.time() - 7200)) < 60
    with pytest.raises(LogError, match="24 hours ago"):
        read_time("yesterday")


def test_the_folder_is_the_setting_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --folder the log is in the service's folder of monitoring."""
    monkeypatch.setenv("TABENTO_MONITORING_FOLDER", "/data/state")
    assert log_folder(None) == Path("/data/state/log")
    assert log_folder(Path("here")) == Path("here")
