"""The files and the variables of a pod are those of its manifest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.manifests.errors import ManifestError
from deploy.manifests.prove_pod import find_service_pod, main, pod_options, write_volume
from deploy.manifests.render import Manifest, overlay_names
from deploy.manifests.rules.objects import environment_of


def test_a_volume_is_updated_in_one_step(tmp_path: Path) -> None:
    """Files are links through ``..data``; an update replaces this link and removes the former content."""
    folder = tmp_path / "keys"
    write_volume(folder, {"keys.json": "one"})
    assert (folder / "keys.json").read_text() == "one"
    assert (folder / "keys.json").readlink() == Path("..data/keys.json")
    former = (folder / "..data").resolve()
    write_volume(folder, {"keys.json": "two"})
    assert (folder / "keys.json").read_text() == "two"
    assert not former.exists()
    assert sorted(path.is_symlink() for path in folder.iterdir()) == [False, True, True]


def test_the_container_has_what_the_pod_says(find: Callable[[str], Manifest], tmp_path: Path) -> None:
    """Variables are those of the manifest except PORT, read-only volumes are mounted, and the state folder can be written."""
    pod = find_service_pod([find("Deployment")])
    options = pod_options(pod, tmp_path)
    variables = environment_of(pod["containers"][0])
    assert options.environment == {name: value for name, value in variables.items() if name != "PORT"}
    assert {volume.target for volume in options.volumes} == {
        "/etc/tabento/keys",
        "/etc/tabento/secrets",
        "/etc/tabento/rollout",
    }
    assert all(volume.read_only and volume.source.parent == tmp_path for volume in options.volumes)
    assert options.state


def test_a_pod_without_a_state_volume(find: Callable[[str], Manifest], tmp_path: Path) -> None:
    """Without the volume the state folder is part of the read-only root, as in the pod."""
    pod = find_service_pod([find("Deployment")])
    mounts = pod["containers"][0]["volumeMounts"]
    pod["containers"][0]["volumeMounts"] = [mount for mount in mounts if mount["name"] != "state"]
    assert not pod_options(pod, tmp_path).state


def test_an_overlay_without_a_deployment() -> None:
    """The error says to name another overlay."""
    with pytest.raises(ManifestError, match=r"has no Deployment\. Name another one with --overlay"):
        find_service_pod([{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}}])


def test_only_overlays_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown overlay is refused with the names of the known ones."""
    with pytest.raises(SystemExit) as error:
        main(["tabento:1", "--overlay", "none"])
    assert error.value.code == 2
    message = capsys.readouterr().err
    assert all(name in message for name in overlay_names())
