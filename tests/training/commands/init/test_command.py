"""The command: what a person types and reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.first_steps.tables import TABLES
from tests.training.commands.init.files import sixty_rows
from tests.training.data.conftest import Answer, WebServer
from training.__main__ import main


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every relative path lie in the test's folder."""
    monkeypatch.chdir(tmp_path)


def test_everything_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """What was converted, decided, dropped and is not sure, and the next command."""
    TABLES["adult"].write(Path(), 300)
    assert main(["init", "adult.csv", "--target", "income"]) == 0
    out, _ = capsys.readouterr()
    for text in (
        "Converted to UTF-8 with commas: data/adult.converted.csv (blanks behind the delimiters)",
        "classification: 2 classes",
        "Not sure, please look",
        "make serve CONFIG=configs/adult.yaml DATA=data/adult.converted.csv",
        "tabento train --config configs/adult.yaml --data data/adult.converted.csv",
    ):
        assert text in out
    assert Path("configs/adult.yaml").is_file()


def test_paths_are_alone_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """For `make serve`: two lines, whether the config is new or kept; people read stderr."""
    sixty_rows(Path("my rows.csv"))
    for message in ("Decide each column", "is kept"):
        assert main(["init", "my rows.csv", "--target", "y", "--print-paths"]) == 0
        out, err = capsys.readouterr()
        assert out == "configs/my_rows.yaml\nmy rows.csv\n"
        assert message in err


def test_name_and_place_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """The name of the file is the default."""
    sixty_rows(Path("rows.csv"))
    assert main(["init", "rows.csv", "--target", "y", "--name", "fruit", "--out", "f.yaml", "--positive", "no"]) == 0
    text = Path("f.yaml").read_text(encoding="utf-8")
    assert "name: fruit\n" in text
    assert "positive: 'no'" in text
    assert "make serve CONFIG=f.yaml DATA=rows.csv" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv", "--target", "y"], "there is no file nowhere.csv"),
        (["rows.csv", "--target", "z"], "rows.csv: expected a column 'z', the target; there are 'a', 'b', 'y'"),
        (["rows.csv", "--target", "y", "--task", "regression"], "--task regression expects numbers"),
        ([".", "--target", "y"], ". is a folder; expected a file"),
    ],
)
def test_error_is_one_message(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error is one message, with exit code 1, and no config is written."""
    sixty_rows(Path("rows.csv"))
    assert main(["init", *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not Path("configs").exists()


@pytest.mark.parametrize(
    "arguments", [["rows.csv"], ["--target", "y"], ["rows.csv", "--target", "y", "--delimiter", ",,"]]
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    """A missing target or file, and a delimiter of two characters."""
    with pytest.raises(SystemExit) as exit_info:
        main(["init", *arguments])
    assert exit_info.value.code == 2


def test_delimiter_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A character that is not tried by itself, and `tab`."""
    sixty_rows(Path("rows.txt"), header="a~b~y", separator="~")
    assert main(["init", "rows.txt", "--target", "y", "--delimiter", "~"]) == 0
    assert "Converted" in capsys.readouterr().out
    sixty_rows(Path("tabs.txt"), header="a\tb\ty", separator="\t")
    assert main(["init", "tabs.txt", "--target", "y", "--delimiter", "tab"]) == 0


def test_address_is_downloaded(web: WebServer, capsys: pytest.CaptureFixture[str]) -> None:
    """A table of the web gets its name from the address; one that is not there is told."""
    web.answers.append(Answer(body=sixty_rows(Path("rows.csv")).read_bytes()))
    assert main(["init", f"{web.url}/files/fruit.csv", "--target", "y", "--data-folder", "kept"]) == 0
    assert "Download http" in capsys.readouterr().out
    assert Path("configs/fruit.yaml").is_file()
    web.answers[:] = [Answer(status=404)]
    assert main(["init", f"{web.url}/files/nuts.csv", "--target", "y"]) == 1
    assert "404" in capsys.readouterr().err
