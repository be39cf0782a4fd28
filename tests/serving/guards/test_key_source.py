"""The key file is read again when it changes, however it is replaced; a wrong file changes nothing."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from serving.guards import key_source
from serving.guards.key_source import KeySource, has_keys, read_all_keys
from serving.guards.keyring import Keyring
from serving.settings import ServingSettings
from tabento.keys.errors import KeysError
from tabento.keys.inline import inline_entry
from tabento.keys.key_file import change_keys, format_keys
from tabento.keys.record import utc_now
from tests.servers import wait_until
from tests.serving.guards.key_records import keyring_of, new_key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a key file."""
    return tmp_path / "keys.json"


def _source(path: Path) -> tuple[KeySource, Keyring]:
    keyring = keyring_of()
    return KeySource(ServingSettings(api_keys_file=path), keyring), keyring


def test_keys_come_from_file_and_settings(path: Path) -> None:
    """Keys of both places are valid; an id or a secret in both is an error."""
    first_secret, first = new_key("a")
    second_secret, second = new_key("b")
    path.write_bytes(format_keys((first,)))
    settings = ServingSettings(api_keys_file=path, api_keys=inline_entry(second))
    keyring = keyring_of()
    KeySource(settings, keyring)
    assert keyring.find(first_secret.encode())
    assert keyring.find(second_secret.encode())
    with pytest.raises(KeysError, match=r"api_keys and .*: the id 'a-1' appears twice"):
        read_all_keys(settings.model_copy(update={"api_keys": ServingSettings(api_keys=inline_entry(first)).api_keys}))


def test_keys_are_asked_for_by_either_setting(path: Path) -> None:
    """A service has keys if a file or a text is set, also if the text is empty."""
    assert not has_keys(ServingSettings())
    assert has_keys(ServingSettings(api_keys_file=path))
    assert has_keys(ServingSettings(api_keys=""))


@pytest.mark.parametrize("content", [None, b"", b'{"format": 1, "keys": [{}]}'])
def test_a_wrong_file_at_the_start_is_an_error(path: Path, content: bytes | None) -> None:
    """A missing or wrong file stops the start."""
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeysError, match=r"keys\.json"):
        _source(path)


def test_no_valid_key_is_a_warning(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file without valid keys starts a service that refuses everything, and a warning says so."""
    path.write_bytes(format_keys(()))
    _source(path)
    assert "no API key is valid now" in caplog.text


def test_a_change_of_the_command_is_read(path: Path) -> None:
    """A key that is revoked, and one that is created, take effect at the next look."""
    first_secret, first = new_key("a")
    second_secret, second = new_key("b")
    path.write_bytes(format_keys((first,)))
    source, keyring = _source(path)
    assert keyring.find(first_secret.encode())
    change_keys(path, lambda records: (replace(records[0], revoked=utc_now()), second))
    source.check()
    assert keyring.find(first_secret.encode()) is None
    assert keyring.find(second_secret.encode())


def test_an_edit_in_place_is_read(path: Path) -> None:
    """A file that an editor wrote in place is read, also if its size and modification time stay."""
    first_secret, first = new_key("a")
    second_secret, second = new_key("a")
    path.write_bytes(format_keys((first,)))
    state = path.stat()
    source, keyring = _source(path)
    with path.open("r+b") as file:
        file.write(format_keys((replace(second, created=first.created),)))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert path.stat().st_size == state.st_size
    source.check()
    assert keyring.find(first_secret.encode()) is None
    assert keyring.find(second_secret.encode())


def test_the_exchange_of_a_mounted_secret_is_read(tmp_path: Path, path: Path) -> None:
    """Kubernetes replaces the folder behind the link ``..data``; the path of the file stays a link through it."""
    first_secret, first = new_key("a")
    second_secret, second = new_key("a")
    for version, record in (("..1", first), ("..2", second)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "keys.json").write_bytes(format_keys((record,)))
    (tmp_path / "..data").symlink_to("..1")
    path.symlink_to("..data/keys.json")
    source, keyring = _source(path)
    assert keyring.find(first_secret.encode())
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    source.check()
    assert keyring.find(first_secret.encode()) is None
    assert keyring.find(second_secret.encode())


def test_an_unchanged_file_is_not_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at an unchanged file asks for its state only."""
    path.write_bytes(format_keys((new_key()[1],)))
    source, _ = _source(path)

    def refuse(_: object) -> None:
        raise AssertionError("an unchanged file was read")

    monkeypatch.setattr(key_source, "read_bytes", refuse)
    source.check()


def test_a_wrong_file_keeps_the_keys(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With a wrong or missing file the former keys stay valid, with one log line for each fault, until the file is right."""
    secret, record = new_key()
    path.write_bytes(format_keys((record,)))
    source, keyring = _source(path)
    for content, fault in ((b"{", "is not valid JSON"), (None, "does not exist")):
        caplog.clear()
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        for _ in range(3):
            source.check()
        assert fault in str(source.fault)
        assert len(caplog.records) == 1
        assert fault in caplog.text
        assert keyring.find(secret.encode())
        path.touch()
    path.write_bytes(format_keys(()))
    source.check()
    assert source.fault is None
    assert keyring.find(secret.encode()) is None


def test_a_file_that_could_not_be_read_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error of the disk the same file is read at the next look."""
    path.write_bytes(format_keys((new_key("a")[1],)))
    source, keyring = _source(path)
    secret, record = new_key("b")
    change_keys(path, lambda records: (*records, record))

    def fail(_: object) -> None:
        raise KeysError("the disk failed")

    with monkeypatch.context() as patch:
        patch.setattr(key_source, "read_bytes", fail)
        source.check()
    assert "the disk failed" in str(source.fault)
    source.check()
    assert source.fault is None
    assert keyring.find(secret.encode())


def test_the_thread_reads_changes_until_it_is_stopped(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread looks at the file regularly, survives an unexpected error, and ends when the service stops."""
    caplog.set_level(logging.INFO, "tabento.serving")
    monkeypatch.setattr(key_source, "CHECK_S", 0.005)
    path.write_bytes(format_keys(()))
    source, keyring = _source(path)
    with monkeypatch.context() as patch:

        def fail(_: object) -> None:
            raise RuntimeError("unexpected")

        patch.setattr(key_source, "_signature", fail)
        source.start()
        source.start()
        wait_until(lambda: source.fault == "RuntimeError", "the error")
    secret, record = new_key()
    change_keys(path, lambda records: (record,))
    wait_until(lambda: keyring.find(secret.encode()) is not None, "the new key")
    assert "the key file was read: 1 secrets are valid" in caplog.text
    source.stop()
    thread = source._thread
    assert thread is not None
    thread.join(30)
    assert not thread.is_alive()


def test_without_a_file_there_is_no_thread() -> None:
    """Keys of the settings do not change, so nothing looks for changes."""
    source = KeySource(ServingSettings(api_keys=inline_entry(new_key()[1])), keyring_of())
    source.start()
    assert source._thread is None
    source.stop()
