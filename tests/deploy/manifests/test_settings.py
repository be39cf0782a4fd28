"""The service accepts the environment and the folders of its pod."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.manifests.render import Manifest
from deploy.manifests.tools import ROOT
from serving.settings import load_settings


def test_the_service_accepts_the_environment_of_its_pod(
    find: Callable[[str], Manifest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All variables are settings with possible values, and a Secret with a file for each secret setting is read.

    Kubernetes mounts a Secret as links into a hidden folder that changes when the Secret does.
    """
    secrets, content = tmp_path / "secrets", tmp_path / "secrets" / "..2026_11_28"
    content.mkdir(parents=True)
    (content / "tabento_redis_url").write_text("rediss://:password@redis.databases:6379/0")
    (secrets / "..data").symlink_to(content.name)
    (secrets / "tabento_redis_url").symlink_to("..data/tabento_redis_url")
    container = find("Deployment")["spec"]["template"]["spec"]["containers"][0]
    for name in ("TABENTO_MONITORING", "TABENTO_MONITORING_FOLDER", "TABENTO_ROLLOUT_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    for entry in container["env"]:
        is_secret_folder = entry["name"] == "TABENTO_SECRETS_FOLDER"
        monkeypatch.setenv(entry["name"], str(secrets) if is_secret_folder else entry["value"])
    settings = load_settings(ROOT)
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value().startswith("rediss://")
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    for path in (settings.monitoring_folder, settings.rollout_folder, settings.rollout_file, settings.api_keys_file):
        assert any(path is not None and path.is_relative_to(mount) for mount in mounts), path
