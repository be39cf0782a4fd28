"""The compose file under Docker Compose, podman-compose and compose-lint, without a container engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.compose.__main__ import FILE, prepare
from deploy.compose.validate import TOOLS, compose_program, main, resolve_file
from deploy.errors import StackError

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / TOOLS
pytestmark = pytest.mark.skipif(
    not (ENVIRONMENT / ".installed").exists(), reason="not installed: run `make compose-check`"
)


def test_the_file_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    """All three programs accept the file and find the same services."""
    assert main(["--tools", str(ENVIRONMENT)]) == 0
    assert "10 services" in capsys.readouterr().out


def test_a_fault_is_found(tmp_path: Path) -> None:
    """A key that the Compose Specification does not have, and a need of a missing service, are errors; the file itself is accepted."""
    variables = prepare(tmp_path, "orchard:1", "http://127.0.0.1:9095")
    command = [str(compose_program(ENVIRONMENT)), "--project-directory", str(FILE.parent)]
    path = tmp_path / "damaged.yaml"
    text = FILE.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    resolve_file(command, variables, path)
    for former, changed in (("read_only: true", "readonly: true"), ("redis: {condition", "redi: {condition")):
        path.write_text(text.replace(former, changed), encoding="utf-8")
        with pytest.raises(StackError):
            resolve_file(command, variables, path)


def test_the_resolved_file_has_the_prepared_values(tmp_path: Path) -> None:
    """Docker Compose replaces the variables by the image and the folder of the preparation."""
    variables = prepare(tmp_path, "orchard:1", "http://127.0.0.1:9095")
    content = resolve_file([str(compose_program(ENVIRONMENT))], variables)
    assert content["services"]["tabento-1"]["image"] == "orchard:1"
    assert all(Path(secret["file"]).is_file() for secret in content["secrets"].values())


def test_a_missing_program_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without Docker Compose the status is 1, and the message has the command that installs it."""
    assert main(["--tools", str(tmp_path)]) == 1
    assert "make compose-check" in capsys.readouterr().err
