"""A secret in a file is found; the invented ones of the baseline are not reported."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tools.secret_scan import BASELINE, ROOT, main, read_baseline

KEY = "AKIA" + "Z7K2MPQ4X9RBW3TD"
"""The form of an access key, put together so that no scanner finds it here."""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with an empty baseline and one file."""
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    document = {**read_baseline(ROOT / BASELINE), "results": {}}
    (tmp_path / BASELINE).write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "code.py").write_text("ROWS = 3\n", encoding="utf-8")
    return tmp_path


def test_a_new_secret_is_named_with_its_line(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The status is 1, the line does not contain the secret."""
    assert main([], checkout) == 0
    (checkout / "code.py").write_text(f'ROWS = 3\nKEY = "{KEY}"\n', encoding="utf-8")
    assert main([], checkout) == 1
    output = capsys.readouterr().out
    assert "code.py:2: AWS Access Key" in output
    assert KEY not in output


def test_a_known_secret_may_move(checkout: Path) -> None:
    """The baseline knows it by its checksum, so lines before it can change and the baseline stays."""
    (checkout / "code.py").write_text(f'KEY = "{KEY}"\n', encoding="utf-8")
    assert main(["--update"], checkout) == 0
    text = (checkout / BASELINE).read_text(encoding="utf-8")
    assert KEY not in text
    (checkout / "code.py").write_text(f'ROWS = 3\n\nKEY = "{KEY}"\n', encoding="utf-8")
    assert main([], checkout) == 0
    assert main(["code.py"], checkout) == 0
    assert (checkout / BASELINE).read_text(encoding="utf-8") == text


def test_the_same_secret_in_another_file_is_new(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An entry of the baseline is for one file."""
    (checkout / "code.py").write_text(f'KEY = "{KEY}"\n', encoding="utf-8")
    main(["--update"], checkout)
    (checkout / "other.py").write_text(f'KEY = "{KEY}"\n', encoding="utf-8")
    assert main([], checkout) == 1
    assert "other.py:1" in capsys.readouterr().out


def test_a_secret_that_is_gone_leaves_the_baseline(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stale entry is reported if all files are scanned."""
    (checkout / "code.py").write_text(f'KEY = "{KEY}"\n', encoding="utf-8")
    main(["--update"], checkout)
    (checkout / "code.py").write_text("ROWS = 3\n", encoding="utf-8")
    assert main(["code.py"], checkout) == 0
    assert main([], checkout) == 1
    assert "lists a secret that is gone: code.py" in capsys.readouterr().out


def test_an_update_of_some_files_keeps_the_others(checkout: Path) -> None:
    """A named file is scanned alone, which takes a moment only."""
    for name in ("code.py", "other.py"):
        (checkout / name).write_text(f'KEY = "{KEY}"\n', encoding="utf-8")
        main(["--update", name], checkout)
    assert main([], checkout) == 0
    (checkout / "other.py").write_text("ROWS = 3\n", encoding="utf-8")
    main(["--update", "other.py"], checkout)
    assert list(read_baseline(checkout / BASELINE)["results"]) == ["code.py"]


def test_an_allowed_line_passes(checkout: Path) -> None:
    """A comment at the line's end is the other way to mark an invented secret."""
    (checkout / "code.py").write_text(f'KEY = "{KEY}"  # pragma: allowlist secret\n', encoding="utf-8")
    assert main([], checkout) == 0


@pytest.mark.parametrize("text", ["", "{}", '{"results": [], "plugins_used": []}'])
def test_a_damaged_baseline_is_refused(checkout: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without plugins nothing would be found, so the status is 2."""
    (checkout / BASELINE).write_text(text, encoding="utf-8")
    assert main([], checkout) == 2
    assert "Restore it from git" in capsys.readouterr().err
