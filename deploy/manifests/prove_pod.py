"""``python -m deploy.manifests.prove_pod IMAGE``: run an image as the pod of an overlay says, without a cluster.

The variables, mounted files and probes are those of the rendered manifest; the files are written as the kubelet writes them. Root file
system, user and capabilities are as restricted as in the pod, see ``deploy.container``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.container import STATE_FOLDER, Container, RunOptions, Volume, run_container, wait_for
from deploy.engine import QUESTIONS, choose_engine
from deploy.errors import ImageError
from deploy.manifests.errors import ManifestError
from deploy.manifests.render import Manifest, overlay_names, render_overlay
from deploy.manifests.rules.objects import environment_of
from deploy.prove import request
from tabento.keys.changes import create_key
from tabento.keys.key_file import format_keys
from tabento.keys.record import utc_now
from tabento.keys.secret import new_secret

READY_DEADLINE_S = 120.0
UPDATE_DEADLINE_S = 30.0
SECRET_SETTING = ("tabento_private_hash_key", "a-secret-of-the-proof-only")
"""A secret setting that needs no other program."""


@dataclass(frozen=True)
class PodProof:
    """The results of a run."""

    ready_s: float
    """Seconds until the startup probe had succeeded."""
    update_s: float
    """Seconds from the change of the ConfigMap's files to the document in the service."""
    stop_s: float
    """Seconds from SIGTERM to the end."""
    grace_s: float
    """The seconds that the manifest leaves for it, after preStop."""

    def __str__(self) -> str:
        return (
            f"ready after {self.ready_s:.1f} s; probes, keys, secrets and metrics as the manifest says; a changed rollout document"
            f" was read after {self.update_s:.1f} s; ended {self.stop_s:.1f} s after SIGTERM, of {self.grace_s:g} s"
        )


def write_volume(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a Secret or ConfigMap as the kubelet does: links to a hidden folder, which an update replaces in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    content = folder / f"..{time.time_ns()}"
    content.mkdir()
    for name, text in files.items():
        (content / name).write_text(text, encoding="utf-8")
        (content / name).chmod(0o444)
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(Path("..data", name))
    new_link = folder / "..data_tmp"
    new_link.symlink_to(content.name)
    former = (folder / "..data").resolve() if (folder / "..data").exists() else None
    new_link.replace(folder / "..data")
    if former is not None:
        shutil.rmtree(former)


def pod_options(pod: Mapping[str, Any], folder: Path) -> RunOptions:
    """Return the options that run a pod's container: its variables, and a folder for each of its read-only volumes.

    Args:
        pod: the specification of the pod.
        folder: the folder with one folder for each volume.
    """
    container = pod["containers"][0]
    environment = {name: value for name, value in environment_of(container).items() if name != "PORT"}
    volumes = tuple(
        Volume(folder / mount["name"], mount["mountPath"])
        for mount in container["volumeMounts"]
        if mount.get("readOnly")
    )
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    return RunOptions(environment, volumes=volumes, state=STATE_FOLDER in writable)


def find_service_pod(objects: Sequence[Manifest]) -> dict[str, Any]:
    """Return the pod of the Deployment.

    Raises:
        ManifestError: there is none.
    """
    for manifest in objects:
        if manifest["kind"] == "Deployment":
            pod: dict[str, Any] = manifest["spec"]["template"]["spec"]
            return pod
    raise ManifestError("the overlay has no Deployment. Name another one with --overlay.")


def _expect(container: Container, path: str, status: int, secret: str | None = None) -> bytes:
    actual, content = request(f"{container.address}{path}", secret=secret)
    if actual != status:
        raise ImageError(container.with_log(f"{path}: expected status {status}, got {actual}"))
    return content


def _revision(container: Container, secret: str) -> Any:
    return json.loads(_expect(container, "/admin/rollout", 200, secret)).get("document", {}).get("revision")


def prove_pod(image: str, engine_name: str | None, overlay: str) -> PodProof:
    """Run the pod of an overlay in an image, and check what Kubernetes would rely on.

    Raises:
        ImageError: the image does not keep the manifest's assumptions.
        ManifestError: the overlay cannot be rendered.
    """
    objects = render_overlay(overlay).objects
    pod = find_service_pod(objects)
    probes = {name: pod["containers"][0][name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe")}
    document = next(item["data"]["rollout.json"] for item in objects if item["metadata"]["name"] == "tabento-rollout")
    secret = new_secret()
    record = create_key((), secret, owner="proof", scopes=["predict", "read", "admin"], now=utc_now())
    pause_s = float(pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"])
    grace_s = float(pod["terminationGracePeriodSeconds"]) - pause_s
    with tempfile.TemporaryDirectory(prefix="tabento-pod-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        write_volume(folder / "keys", {"keys.json": format_keys((record,)).decode()})
        write_volume(folder / "secrets", dict([SECRET_SETTING]))
        write_volume(folder / "rollout", {"rollout.json": document})
        engine = choose_engine(engine_name)
        with run_container(engine, image, pod_options(pod, folder)) as container:
            ready_s = container.wait_for_start(lambda: _is_ok(container, probes["startupProbe"]), READY_DEADLINE_S)
            _expect(container, probes["livenessProbe"], 200)
            _expect(container, "/metrics", 401)
            _expect(container, "/metrics", 200, secret)
            start_s = time.monotonic()
            changed = {**json.loads(document), "revision": 7}
            write_volume(folder / "rollout", {"rollout.json": json.dumps(changed)})
            wait_for(
                lambda: _revision(container, secret) == 7,
                UPDATE_DEADLINE_S,
                lambda: container.with_log("the changed ConfigMap was not read"),
            )
            update_s, start_s = time.monotonic() - start_s, time.monotonic()
            container.send(signal.SIGTERM)
            code = container.wait_for_end(grace_s)
            if code != 0:
                raise ImageError(container.with_log(f"expected status 0 after SIGTERM, got {code}"))
            return PodProof(ready_s, update_s, time.monotonic() - start_s, grace_s)


def _is_ok(container: Container, path: str) -> bool:
    try:
        return request(f"{container.address}{path}")[0] == 200
    except ImageError:
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof and return 0, or write the error to stderr and return 1."""
    parser = argparse.ArgumentParser(prog="python -m deploy.manifests.prove_pod", description="Run an image as a pod.")
    parser.add_argument("image", help="the image, NAME:TAG, in the store of the engine")
    parser.add_argument("--engine", choices=QUESTIONS, help="default: the first of these that works here")
    parser.add_argument("--overlay", default="production", choices=overlay_names(), help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        print(
            f"{options.image} as the pod of {options.overlay}: {prove_pod(options.image, options.engine, options.overlay)}"
        )
    except (ImageError, ManifestError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
