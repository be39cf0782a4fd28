"""Starts of a container that must fail, each with one clear line, and the ones that go on in a degraded state."""

from __future__ import annotations

from pathlib import Path

import bentoml
import httpx
import pytest

from deploy.container import RunOptions, Volume
from deploy.prove import is_ready
from tests.conftest import bentoml_home
from tests.image.conftest import READY_DEADLINE_S, TestedImage
from tests.servers import wait_until

END_S = 60.0


def _failure(image: TestedImage, options: RunOptions, *, has_keys: bool = True) -> str:
    """Return the last line of a container that must end with status 1, and has told its failure once."""
    with image.run(options=options, has_keys=has_keys) as container:
        assert container.wait_for_end(END_S) == 1, container.log
        failures = [
            record for record in container.records() if record.get("level", "critical") in ("error", "critical")
        ]
        assert len(failures) == 1, container.log
        assert failures[0] == container.records()[-1]
        assert "exception" not in failures[0]
        return str(failures[0]["message"])


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PORT": "eighty"}, ["PORT is 'eighty'", "from 0 to 65535"]),
        ({"PORT": "99999"}, ["PORT is '99999'", "from 0 to 65535"]),
        ({"BENTOML_HOST": "203.0.113.9"}, ["203.0.113.9", "not an address of this machine"]),
        ({"TABENTO_MAX_ROWS": "many"}, ["SettingsError", "max_rows", "'many'"]),
        ({"TABENTO_MAX_ROWZ": "5"}, ["TABENTO_MAX_ROWZ", "did you mean TABENTO_MAX_ROWS"]),
        ({"TABENTO_API_KEYS_FILE": "/etc/tabento/keys/keys.json"}, ["/etc/tabento/keys/keys.json", "does not exist"]),
        ({"TABENTO_MODELS": '["pear"]'}, ["pear"]),
        ({"TABENTO_TLS_CERTIFICATE_FILE": "/etc/tabento/tls/tls.crt"}, ["/etc/tabento/tls/tls.crt"]),
    ],
)
def test_a_wrong_setting_is_one_line(image: TestedImage, environment: dict[str, str], words: list[str]) -> None:
    """The line names the variable or the file, and the remedy or the expected values."""
    message = _failure(image, RunOptions(environment=environment))
    for word in words:
        assert word in message


def test_without_keys_the_service_is_not_open_to_everyone(image: TestedImage) -> None:
    """In its own network the container would listen at all addresses, so it needs keys or the setting that allows none."""
    message = _failure(image, RunOptions(published=False), has_keys=False)
    assert "no API keys" in message
    assert "TABENTO_API_KEYS_FILE" in message
    assert "TABENTO_ALLOW_NO_KEYS" in message


def _damaged(image: TestedImage, file: str, content: bytes, folder: Path, store: Path) -> Volume:
    """Return a volume that puts another file over one of the packed bundle."""
    with bentoml_home(store):
        packed = Path(bentoml.models.get(image.bundle).path, file)
    path = folder / file
    path.write_bytes(content or packed.read_bytes().replace(b'"format_version": ', b'"format_version": 9'))
    path.chmod(0o644)
    name, _, version = image.bundle.partition(":")
    return Volume(path, f"/home/bentoml/bento/models/{name}/{version}/{file}")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("model.onnx", b"tampered", ["BundleIntegrityError", "model.onnx", "sha256"]),
        ("MANIFEST.json", b"", ["BundleFormatError", "format 9", "serve it with the version that wrote it"]),
        ("MANIFEST.json", b"{}", ["BundleFormatError", "MANIFEST.json"]),
    ],
)
def test_a_changed_bundle_is_refused(
    image: TestedImage, file: str, content: bytes, words: list[str], tmp_path: Path, session_store: Path
) -> None:
    """A tampered file, a newer format and a file that is not a manifest: the line names the file."""
    tmp_path.chmod(0o755)
    message = _failure(image, RunOptions(volumes=(_damaged(image, file, content, tmp_path, session_store),)))
    for word in words:
        assert word in message


def test_a_file_of_keys_that_cannot_be_read_is_one_line(image: TestedImage, tmp_path: Path) -> None:
    """The service's user has no right to read it; the line names the file and the cause."""
    keys = tmp_path / "keys.json"
    keys.write_text("[]", encoding="utf-8")
    keys.chmod(0o600)
    tmp_path.chmod(0o755)
    options = RunOptions(
        environment={"TABENTO_API_KEYS_FILE": "/etc/tabento/keys/keys.json"},
        volumes=(Volume(tmp_path, "/etc/tabento/keys"),),
    )
    message = _failure(image, options)
    assert "/etc/tabento/keys/keys.json" in message
    assert "Permission denied" in message


def test_a_state_folder_that_cannot_be_written_degrades_the_service(image: TestedImage) -> None:
    """Without the state volume it answers; the log names the folder, and the health the part that is degraded."""
    with image.run(options=RunOptions(state=False)) as container:
        container.wait_for_start(lambda: is_ready(container.address), READY_DEADLINE_S)
        wait_until(
            lambda: any(
                "/var/lib/tabento/monitoring" in str(record.get("message"))
                and record.get("level") in ("warning", "error")
                for record in container.records()
            ),
            "a warning",
        )
        health = httpx.get(f"{container.address}/health", headers={"X-API-Key": image.secret}, timeout=30).json()
        assert health["status"] == "degraded", health
        assert is_ready(container.address)
