"""``tabento keys``: what a user types, reads and gets as an exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tabento.keys.inline import parse_inline_keys
from tabento.keys.key_file import read_keys
from tabento.keys.record import utc_now
from tabento.keys.secret import SECRET_PATTERN, digest_of, is_well_formed
from training.__main__ import main

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default key file, in a working folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TABENTO_API_KEYS_FILE", raising=False)
    return tmp_path / "keys.json"


def run(capsys: Output, *words: str, code: int = 0) -> tuple[str, str]:
    """Run a command and return its two outputs."""
    assert main(["keys", *words]) == code
    return capsys.readouterr()


def test_create_prints_the_secret_alone_and_stores_its_digest(key_file: Path, capsys: Output) -> None:
    """Standard output is the secret; the file has its digest, and nobody else may read the file."""
    out, err = run(capsys, "create", "--owner", "shop", "--scope", "read", "--expires", "90d", "--rows-per-minute", "9")
    secret = out.strip()
    assert is_well_formed(secret)
    assert secret not in err
    assert "Created the key 'shop-1' with the scopes read, until" in err
    assert str(key_file) in err
    (record,) = read_keys(key_file)
    assert (record.digest, record.owner, set(record.scopes), record.rows_per_minute) == (
        digest_of(secret),
        "shop",
        {"read"},
        9,
    )
    assert record.expires is not None
    assert (record.expires - record.created).days == 90
    assert secret not in key_file.read_text()
    assert oct(key_file.stat().st_mode)[-3:] == "600"


def test_a_demo_key_has_a_hundred_requests_a_minute(key_file: Path, capsys: Output) -> None:
    """A key for strangers is limited unless the command says otherwise."""
    run(capsys, "create", "--owner", "visitors", "--demo")
    run(capsys, "create", "--owner", "visitors", "--demo", "--requests-per-minute", "7")
    assert [record.requests_per_minute for record in read_keys(key_file)] == [100, 7]


def test_list_shows_no_secret_and_no_whole_digest(key_file: Path, capsys: Output) -> None:
    """The table and the JSON have ids, owners and states, and only the beginnings of secrets and digests."""
    secret = run(capsys, "create", "--owner", "shop")[0].strip()
    run(capsys, "rotate", "shop-1", "--overlap", "1h")
    run(capsys, "create", "--owner", "ops", "--id", "ops", "--scope", "admin", "--scope", "read")
    run(capsys, "revoke", "ops")
    table, _ = run(capsys, "list")
    assert re.search(r"shop-1 +shop +predict +valid +never +default +default +tabento_....…\n", table)
    assert re.search(r"ops +ops +read,admin +revoked", table)
    text, _ = run(capsys, "list", "--json")
    rows = json.loads(text)
    assert [(row["id"], row["state"]) for row in rows] == [("shop-1", "valid"), ("ops", "revoked")]
    digests = [
        digest.hex() for record in read_keys(key_file) for digest in (record.digest, *(f.digest for f in record.former))
    ]
    for hidden in (secret[8:], *digests, digest_of(secret).hex()):
        assert hidden not in table + text


def test_rotate_prints_a_new_secret(key_file: Path, capsys: Output) -> None:
    """The new secret belongs to the same id; the former one ends at once, or after the overlap."""
    first = run(capsys, "create", "--owner", "shop")[0].strip()
    out, err = run(capsys, "rotate", "shop-1", "--overlap", "24h", "--expires", "1y")
    assert "accepted until" in err
    (record,) = read_keys(key_file)
    assert (record.digest, record.former[0].digest) == (digest_of(out.strip()), digest_of(first))
    assert record.expires is not None
    assert (record.expires - utc_now()).days in (364, 365)
    assert "is refused from now on" in run(capsys, "rotate", "shop-1")[1]
    assert read_keys(key_file)[0].former == ()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["revoke", "shp-1"], "keys.json has no key 'shp-1'. Did you mean shop-1?"),
        (["rotate", "shop-2"], "Did you mean shop-1?"),
        (["rotate", "shop-1", "--overlap", "1"], "expected a duration such as 90d"),
        (["create", "--owner", "x", "--expires", "soon"], "expected a duration"),
        (["create", "--owner", "x", "--id", "shop-1"], "the id 'shop-1' is taken"),
        (["create", "--owner", "x", "--inline", "--expires", "1d"], "omit these options"),
        (["list", "--file", "none.json"], "none.json does not exist. Create a key"),
        (["revoke", "shop-1", "--file", "none.json"], "does not exist"),
    ],
)
def test_an_error_is_one_line(words: list[str], message: str, key_file: Path, capsys: Output) -> None:
    """An error has exit code 1, prints no secret and changes nothing."""
    run(capsys, "create", "--owner", "shop")
    before = key_file.read_bytes()
    out, err = run(capsys, *words, code=1)
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert key_file.read_bytes() == before


def test_an_inline_key_is_stored_nowhere(key_file: Path, capsys: Output) -> None:
    """The entry for TABENTO_API_KEYS has the digest, and no file is written."""
    out, err = run(capsys, "create", "--owner", "shop", "--scope", "predict", "--scope", "read", "--inline")
    match = re.search(r"TABENTO_API_KEYS=(\S+)", err)
    assert match is not None
    (record,) = parse_inline_keys(match[1], "k")
    assert (record.digest, set(record.scopes)) == (digest_of(out.strip()), {"predict", "read"})
    assert not key_file.exists()


def test_the_file_of_the_service_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """The file is named by the option, else by the environment, else by ``.env``."""
    monkeypatch.delenv("TABENTO_ENV_FILE", raising=False)
    (tmp_path / ".env").write_text("TABENTO_API_KEYS_FILE=from-env-file.json\n")
    run(capsys, "create", "--owner", "a")
    monkeypatch.setenv("TABENTO_API_KEYS_FILE", "from-environment.json")
    run(capsys, "create", "--owner", "a")
    run(capsys, "create", "--owner", "a", "--file", "named.json")
    assert {path.name for path in tmp_path.glob("*.json")} == {
        "from-env-file.json",
        "from-environment.json",
        "named.json",
    }
    monkeypatch.delenv("TABENTO_API_KEYS_FILE")
    (tmp_path / ".env").write_text("not a variable\n")
    assert "Or name the key file with --file" in run(capsys, "list", code=1)[1]


def test_a_file_that_others_can_change_is_a_warning(key_file: Path, capsys: Output) -> None:
    """A world-readable or world-writable file is used, with a warning that has the remedy."""
    run(capsys, "create", "--owner", "shop")
    key_file.chmod(0o666)
    assert "warning: every user of this computer can add keys" in run(capsys, "create", "--owner", "shop")[1]


def test_an_empty_file_says_how_to_begin(key_file: Path, capsys: Output) -> None:
    """The list of no keys names the command that creates one."""
    key_file.write_text('{"format": 1, "keys": []}')
    assert "tabento keys create" in run(capsys, "list")[0]


def test_the_library_alone_has_the_command(tmp_path: Path) -> None:
    """Without the project the command works, and imports no library of the export."""
    code = (
        "import sys; from tabento.__main__ import library_group; from tabento.command_line.groups import run_group\n"
        "run_group(library_group(), ['keys', 'create', '--owner', 'a'], 'tabento')\n"
        "print(sorted({'numpy', 'pydantic', 'onnx', 'bentoml', 'yaml'} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    secret, modules = process.stdout.splitlines()
    assert re.fullmatch(SECRET_PATTERN, secret)
    assert modules == "[]"
