"""``tabento sign``: a user's words, the output and the exit code."""

from __future__ import annotations

import shutil
from pathlib import Path

import bentoml
import pytest

from tabento.bundle.format import BENTOML_MODULE, CARD_FILE, SIGNATURE_FILE
from tabento.bundle.signing_key import new_signing_key, read_signing_key
from tabento.bundle.trusted_keys import read_trusted_keys
from tests.bundles import write_bundle
from training.__main__ import main

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of the test's own, without settings of the shell."""
    monkeypatch.chdir(tmp_path)
    for variable in ("TABENTO_TRAINING_SIGNING_KEY_FILE", "TABENTO_TRUSTED_BUNDLE_KEYS_FILE", "TABENTO_ENV_FILE"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def run(capsys: Output, *words: str, code: int = 0) -> tuple[str, str]:
    """Run a command and return its two outputs."""
    assert main(["sign", *words]) == code
    return capsys.readouterr()


def test_a_key_signs_a_folder_that_then_verifies(folder: Path, capsys: Output) -> None:
    """keygen, bundle and verify work in sequence with the default files; stdout of keygen is the public key alone."""
    out, err = run(capsys, "keygen", "--owner", "release")
    key = read_signing_key(folder / "signing-key.pem")
    assert out == f"{key.public_text}\n"
    assert f"TABENTO_TRUSTED_BUNDLE_KEYS_FILE={folder / 'trusted-bundle-keys.json'}" in err
    bundle = str(write_bundle(folder / "bundle"))
    assert "is not signed" in run(capsys, "verify", bundle, code=1)[1]
    assert run(capsys, "bundle", bundle)[0] == f"Signed {bundle} with the key {key.id}.\n"
    assert "is signed by release" in run(capsys, "verify", bundle)[0]
    Path(bundle, CARD_FILE).write_text("# Changed\n", encoding="utf-8")
    assert f"{CARD_FILE} in {bundle} was changed" in run(capsys, "verify", bundle, code=1)[1]
    assert "was changed" in run(capsys, "bundle", bundle, code=1)[1]


def test_a_bundle_of_the_store_is_signed_by_its_tag(folder: Path, model_store: Path, capsys: Output) -> None:
    """A tag without a version means the latest version; the files of settings are taken without an option."""
    with bentoml.models.create("orchard:1", module=BENTOML_MODULE) as model:
        shutil.copytree(write_bundle(folder / "bundle"), model.path, dirs_exist_ok=True)
    (folder / ".env").write_text("TABENTO_TRAINING_SIGNING_KEY_FILE=own.pem\n", encoding="utf-8")
    run(capsys, "keygen", "--owner", "release", "--trusted", "own.json")
    assert {path.name for path in folder.iterdir()} >= {"own.pem", "own.json"}
    assert "Signed orchard:1" in run(capsys, "bundle", "orchard")[0]
    assert (Path(bentoml.models.get("orchard:1").path) / SIGNATURE_FILE).is_file()
    assert "orchard:1 is signed by release" in run(capsys, "verify", "orchard", "--trusted", "own.json")[0]
    assert "the model store has no bundle pear" in run(capsys, "bundle", "pear", code=1)[1]


def test_trust_is_given_listed_and_taken_away(folder: Path, capsys: Output) -> None:
    """trust, list and revoke edit the file; a revoked key's bundle does not verify."""
    key = new_signing_key()
    key.write(folder / "signing-key.pem")
    bundle = str(write_bundle(folder / "bundle"))
    run(capsys, "bundle", bundle)
    assert "does not exist" in run(capsys, "verify", bundle, code=1)[1]
    assert f"trusts the key {key.id} of ci now" in run(capsys, "trust", "--owner", "ci", key.public_text)[0]
    assert "is signed by ci" in run(capsys, "verify", bundle)[0]
    assert f"Revoked the key {key.id} of ci" in run(capsys, "revoke", key.id)[0]
    head, line = run(capsys, "list")[0].splitlines()
    assert head.split() == ["ID", "OWNER", "ADDED", "STATE"]
    assert line.split()[:2] == [key.id, "ci"]
    assert line.split()[3] == "revoked"
    assert "which was revoked on" in run(capsys, "verify", bundle, code=1)[1]
    assert "expected a public key" in run(capsys, "trust", "--owner", "ci", "nonsense", code=1)[1]


def test_a_refused_keygen_leaves_nothing(folder: Path, capsys: Output) -> None:
    """An existing key is not overwritten, and no key remains if its public key cannot be trusted."""
    (folder / "trusted-bundle-keys.json").write_text("{", encoding="utf-8")
    assert "is not a file of trusted keys" in run(capsys, "keygen", "--owner", "release", code=1)[1]
    assert not (folder / "signing-key.pem").exists()
    (folder / "trusted-bundle-keys.json").unlink()
    run(capsys, "keygen", "--owner", "release")
    before = (folder / "signing-key.pem").read_bytes()
    assert "exists already" in run(capsys, "keygen", "--owner", "release", code=1)[1]
    assert (folder / "signing-key.pem").read_bytes() == before
    assert len(read_trusted_keys(folder / "trusted-bundle-keys.json").keys) == 1
