"""``tabento score`` answers the rows of a file as the service answers requests."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from serving.commands.row_files import RowFileError, file_format, read_chunks
from serving.commands.row_range import RowRange
from serving.commands.score import command
from serving.model import ServedModel
from serving.settings import ServingSettings
from tabento.bundle.store import read_bundle
from tests.bundles import TAGGED_TREE, TREE, classifier_contract, tagged_contract, write_bundle

FIELDS = tuple(TREE)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the orchard whose answer is a weighted sum."""
    folder = tmp_path_factory.mktemp("score") / "v1"
    folder.mkdir()
    write_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def model(bundle: Path) -> ServedModel:
    """The bundle, made ready to answer."""
    return ServedModel(read_bundle(bundle, "orchard:v1"), ServingSettings())


@pytest.fixture
def run(bundle: Path, tmp_path: Path) -> Callable[..., Result]:
    """Run the command on a text of rows; the answers are in ``answers.jsonl`` of the temporary folder."""

    def run_command(text: str, *options: str, name: str = "rows.jsonl", model: Path = bundle) -> Result:
        (tmp_path / name).write_text(text, encoding="utf-8")
        words = [str(tmp_path / name), "--model", str(model), "--output", str(tmp_path / "answers.jsonl"), *options]
        return CliRunner().invoke(command, words)

    return run_command


def trees(count: int) -> list[dict[str, Any]]:
    """Return valid rows with different answers."""
    return [{**TREE, "height": 1 + index / 256} for index in range(count)]


def json_lines(rows: list[dict[str, Any]]) -> str:
    """Return rows as JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def csv_text(rows: list[dict[str, Any]]) -> str:
    """Return rows as CSV with a header; null is an empty cell."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, FIELDS)
    writer.writeheader()
    writer.writerows({key: "true" if value is True else value for key, value in row.items()} for row in rows)
    return buffer.getvalue()


def answers(tmp_path: Path) -> list[dict[str, Any]]:
    """Return the lines of the output."""
    return [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("name", "write"), [("rows.jsonl", json_lines), ("rows.csv", csv_text), ("ROWS.CSV", csv_text)]
)
def test_each_row_has_the_answer_of_the_service(
    name: str,
    write: Callable[[list[dict[str, Any]]], str],
    run: Callable[..., Result],
    model: ServedModel,
    tmp_path: Path,
) -> None:
    """All rows, over several calls of the model, have the bits of ``POST /predict``, in the order of the file."""
    rows = trees(1_200)
    result = run(write(rows), name=name)
    assert result.exit_code == 0, result.output
    assert "1,200 rows answered by orchard:v1, 0 refused" in result.output
    expected = [model.predict(json.dumps(row).encode())["prediction"] for row in rows[::299]]
    lines = answers(tmp_path)
    assert [line["row"] for line in lines] == list(range(1_200))
    assert [line["prediction"] for line in lines[::299]] == expected
    assert len({*expected}) == len(expected)


def test_parts_cover_the_file(run: Callable[..., Result], tmp_path: Path) -> None:
    """Each row is answered by exactly one part, and its number is that in the whole file."""
    rows, numbers = trees(11), []
    for index in range(3):
        assert run(json_lines(rows), "--part", f"{index}/3").exit_code == 0
        numbers.append([line["row"] for line in answers(tmp_path)])
    assert numbers == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8]]


def test_a_wrong_row_does_not_stop_the_others(run: Callable[..., Result], tmp_path: Path) -> None:
    """A row that does not fit the contract has the service's error; the others are answered; the exit code is 1."""
    rows = trees(5)
    rows[3]["age"] = "old"
    result = run(json_lines(rows))
    assert result.exit_code == 1
    assert "4 rows answered" in result.output
    assert "1 rows: age: expected" in result.output
    assert "1 of 5 rows were refused, above 0.0%" in result.output
    lines = answers(tmp_path)
    assert ["error" in line for line in lines] == [False, False, False, True, False]
    assert lines[3]["error"]["code"] == "invalid"
    assert lines[3]["error"]["details"][0]["field"] == "age"
    assert "first 'age' of row 3: expected" in lines[3]["error"]["message"]
    assert run(json_lines(rows), "--max-refused", "0.2").exit_code == 0


def test_unknown_columns(run: Callable[..., Result], tmp_path: Path) -> None:
    """A column that the model does not have is refused, or skipped if the command says so."""
    text = json_lines([{**TREE, "owner": "anna"}])
    assert run(text).exit_code == 1
    assert answers(tmp_path)[0]["error"]["details"][0]["field"] == "owner"
    assert run(text, "--ignore-unknown").exit_code == 0
    assert "prediction" in answers(tmp_path)[0]


def test_labels_and_probabilities_are_split(run: Callable[..., Result], tmp_path: Path) -> None:
    """The line of a row has the keys of the answer to a single object."""
    folder = tmp_path / "classifier"
    folder.mkdir()
    write_bundle(folder, contract=classifier_contract())
    assert run(json_lines(trees(2)), model=folder).exit_code == 0
    lines = answers(tmp_path)
    served = ServedModel(read_bundle(folder, "harvest:classifier"), ServingSettings())
    single = served.predict(json.dumps(trees(2)[1]).encode())
    assert lines[1] == {
        "row": 1,
        **{key: value for key, value in single.items() if key in ("prediction", "probabilities")},
    }


def test_identifiers_are_repeated(run: Callable[..., Result], tmp_path: Path) -> None:
    """The identifiers of a row are in its line, as in the answer to a single object."""
    folder = tmp_path / "tagged"
    folder.mkdir()
    write_bundle(folder, contract=tagged_contract())
    rows = [{**TAGGED_TREE, "tag": f"T{index}"} for index in range(3)]
    assert run(json_lines(rows), model=folder).exit_code == 0, run(json_lines(rows), model=folder).output
    served = ServedModel(read_bundle(folder, "orchard:tagged"), ServingSettings())
    assert [line["identifiers"] for line in answers(tmp_path)] == [
        served.predict(json.dumps(row).encode())["identifiers"] for row in rows
    ]


def test_cells_with_line_ends(run: Callable[..., Result], tmp_path: Path) -> None:
    """A record of CSV can have a line end in a quoted cell; it is one row, here with a category that does not exist."""
    text = csv_text([{**TREE, "sort": "two\nlines"}, TREE])
    run(text, "--max-refused", "1", name="rows.csv")
    lines = answers(tmp_path)
    assert [("error" in line, line["row"]) for line in lines] == [(True, 0), (False, 1)]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (
            "1,2,3\n",
            "rows.csv",
            "expected a header with the names of fields such as age, crown width, height, got '1,2,3'",
        ),
        ("", "rows.csv", "got 'an empty file'"),
        ('age\n"1\n', "rows.csv", "not CSV"),
        ("{}\n[1]\n", "rows.jsonl", "line 2: expected an object, got [1]. Correct the line."),
        ("{}\n{}, {}\n", "rows.jsonl", "line 2: not JSON"),
        ("", "rows.jsonl", "has no rows in the part 0/1"),
        ("", "rows.parquet", "expected a file of rows that ends with .csv, .jsonl, .ndjson"),
    ],
)
def test_a_file_that_cannot_be_read(
    text: str, name: str, message: str, run: Callable[..., Result], tmp_path: Path
) -> None:
    """The error names the file, the line and the remedy, and there is no output."""
    result = run(text, name=name)
    assert result.exit_code == 1
    assert message in result.output
    assert not (tmp_path / "answers.jsonl").exists()


def test_a_failed_run_keeps_the_former_output(run: Callable[..., Result], tmp_path: Path) -> None:
    """The output of an earlier run is replaced by a complete one only, and no partial file is left."""
    assert run(json_lines(trees(2))).exit_code == 0
    assert run(json_lines(trees(3)) + "broken\n").exit_code == 1
    assert len(answers(tmp_path)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.jsonl", "rows.jsonl"]


def test_urls_are_read_and_written(bundle: Path, tmp_path: Path) -> None:
    """Rows and answers can be at fsspec URLs, as in an object store."""
    (tmp_path / "rows.jsonl").write_text(json_lines(trees(3)))
    words = [f"file://{tmp_path}/rows.jsonl", "--model", str(bundle), "--output", f"file://{tmp_path}/answers.jsonl"]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0, result.output
    assert len(answers(tmp_path)) == 3


def test_standard_output_has_the_answers_only(bundle: Path, tmp_path: Path) -> None:
    """With ``--output -`` another program can read each line; the summary and the reasons are on standard error."""
    path = tmp_path / "rows.jsonl"
    path.write_text(json_lines([*trees(2), {**TREE, "age": "old"}]), encoding="utf-8")
    result = CliRunner().invoke(command, [str(path), "--model", str(bundle), "--output", "-", "--max-refused", "1"])
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["row"] for line in result.stdout.splitlines()] == [0, 1, 2]
    assert "2 rows answered" in result.stderr
    assert "1 rows: age: expected" in result.stderr


@pytest.mark.parametrize("part", ["4/4", "1", "a/b", "-1/2", "0/0"])
def test_a_wrong_part_is_refused(part: str, run: Callable[..., Result]) -> None:
    """The message has the form and the value."""
    result = run("", "--part", part)
    assert result.exit_code == 2
    assert "expected INDEX/COUNT such as 0/4" in result.output


def test_a_missing_model_is_an_error(tmp_path: Path, model_store: Path) -> None:
    """The error of the model store is shown without a traceback."""
    (tmp_path / "rows.csv").write_text("age\n1\n")
    words = [str(tmp_path / "rows.csv"), "--model", "pear:v9", "--output", str(tmp_path / "answers.jsonl")]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 1
    assert "pear:v9" in result.output


def test_chunks_are_bounded() -> None:
    """A chunk has at most the requested rows of its part, and blank lines are not rows."""
    text = io.StringIO("age\n" + "".join(f"{index}\n\n" for index in range(10)))
    chunks = list(read_chunks(text, "rows.csv", ["age"], 2, RowRange(1, 2)))
    assert [chunk.numbers for chunk in chunks] == [(1, 3), (5, 7), (9,)]
    assert chunks[0].texts == ("1\n", "3\n")


def test_formats() -> None:
    """The end of the name decides, in any letter case, also of a URL."""
    assert file_format("s3://bucket/x.NDJSON") == "jsonl"
    with pytest.raises(RowFileError, match="Rename or convert it"):
        file_format("rows")


def test_a_missing_file_can_be_tried_again(bundle: Path, tmp_path: Path) -> None:
    """A file that cannot be read is exit code 74, for which the Job of Kubernetes tries again."""
    words = [str(tmp_path / "none.csv"), "--model", str(bundle), "--output", str(tmp_path / "answers.jsonl")]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 74
    assert f"Error: {tmp_path}/none.csv: No such file or directory. Correct the path" in result.output


def test_a_missing_folder_is_not_a_model_name(tmp_path: Path) -> None:
    """A path that does not exist is called a folder, and no command to train a model of this name is proposed."""
    (tmp_path / "rows.csv").write_text("age\n1\n")
    words = [str(tmp_path / "rows.csv"), "--model", str(tmp_path / "v9"), "--output", str(tmp_path / "answers.jsonl")]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 1
    assert f"{tmp_path}/v9 is not a folder" in result.output
    assert "make train" not in result.output
