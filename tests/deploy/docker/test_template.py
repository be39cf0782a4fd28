"""The Dockerfile that BentoML makes of the template: two stages, an empty base, and no shell in the image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bentoml._internal.bento.build_config import BentoBuildConfig, CondaOptions
from bentoml._internal.container.generate import generate_containerfile

from deploy.engine import SERVE

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module", params=[False, True], ids=["buildah", "docker"])
def dockerfile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Dockerfile of this checkout's Bento, for an engine without BuildKit and for one with it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(ROOT)
        config = BentoBuildConfig.from_bento_dir(str(ROOT)).with_defaults()
        return generate_containerfile(
            config.docker,
            str(ROOT),
            conda=CondaOptions(),
            bento_fs=tmp_path_factory.mktemp("bento"),
            enable_buildkit=request.param,
        )


def instructions(dockerfile: str) -> list[str]:
    """Return the instructions, each in one line."""
    lines = [line for line in dockerfile.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    return [" ".join(line.split()) for line in lines]


def test_the_image_starts_from_nothing(dockerfile: str) -> None:
    """The base is an argument of the first stage only; the second runs no program and copies three layers."""
    lines = instructions(dockerfile)
    assert lines[:2] == ["ARG BASE_IMAGE=python:3.11-slim", "FROM ${BASE_IMAGE} AS build"]
    final = lines[lines.index("FROM scratch") + 1 :]
    assert [line for line in final if line.startswith(("RUN", "ADD", "FROM"))] == []
    assert final[:3] == [f"COPY --from=build /layers/{name} /" for name in ("system", "packages", "bento")]


def test_the_user_the_program_and_its_check(dockerfile: str) -> None:
    """Not root, by number, so that Kubernetes can check it; programs without a shell; the intervals of the requirements."""
    lines = instructions(dockerfile)
    assert "USER 1034:1034" in lines
    program = ", ".join(f'"{word}"' for word in SERVE[:-1])
    assert lines[-2:] == [f"ENTRYPOINT [{program}]", f'CMD ["{SERVE[-1]}"]']
    check = next(line for line in lines if line.startswith("HEALTHCHECK"))
    assert "--interval=30s --timeout=10s --start-period=40s --retries=3" in check
    script = re.findall(r'"/home/bentoml/bento/src/([^"]+)"', check)
    assert [(ROOT / path).is_file() for path in script] == [True]


def test_only_hashed_packages_are_installed(dockerfile: str) -> None:
    """uv checks every file, resolves nothing, and is the version of the lock; the line that BentoML adds has no hash."""
    install = next(line for line in instructions(dockerfile) if "uv venv" in line)
    assert "uv pip install --require-hashes --no-deps" in install
    locked = re.search(r"^uv==(\S+)", (ROOT / "requirements/uv.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert locked is not None
    assert f"uv=={locked[1]}" in dockerfile


def test_variables_of_the_service(dockerfile: str) -> None:
    """The state has its own folder, the rest of the image can be read-only, and the Bento's variables are set."""
    for text in (
        "BENTOML_HOME=/tmp/",
        "TABENTO_MONITORING_FOLDER=/var/lib/tabento/monitoring",
        "TABENTO_ROLLOUT_FOLDER=/var/lib/tabento/rollout",
        "PYTHONDONTWRITEBYTECODE=1",
        "ENV ORT_DISABLE_TELEMETRY=1",
    ):
        assert text in dockerfile
