"""Rules for every pod: the profile `restricted` of the Pod Security Standards, and limits on all that a pod can use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.manifests.render import Manifest
from deploy.manifests.rules.objects import Pod, find_pods, parse_quantity

IMAGE_USER = 1034
"""The user of the image, BentoML's `bentoml`."""
NEEDED_RESOURCES = {"requests": ("cpu", "memory"), "limits": ("cpu", "memory")}
_HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC")
_RESTRICTED_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
"""The kinds of volumes that the profile `restricted` allows."""


def restricted_security(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield the fields in which a pod differs from the profile `restricted`, or could write to its root file system."""
    for pod in find_pods(objects):
        if pod.kind == "Service":  # Knative sets the fields of the pod itself and refuses them in a service
            yield from _container_security(pod)
            continue
        security = pod.spec.get("securityContext") or {}
        if security.get("runAsNonRoot") is not True:
            yield f"{pod.owner}: expected securityContext.runAsNonRoot true, got {security.get('runAsNonRoot')}"
        if security.get("runAsUser") != IMAGE_USER or security.get("runAsGroup") != IMAGE_USER:
            yield (
                f"{pod.owner}: expected runAsUser and runAsGroup {IMAGE_USER}, the user of the image,"
                f" got {security.get('runAsUser')} and {security.get('runAsGroup')}"
            )
        if (security.get("seccompProfile") or {}).get("type") != "RuntimeDefault":
            yield f"{pod.owner}: expected seccompProfile.type RuntimeDefault, got {security.get('seccompProfile')}"
        for field in _HOST_FIELDS:
            if pod.spec.get(field):
                yield f"{pod.owner}: {field} is true; remove it"
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.owner}: expected automountServiceAccountToken false, because the pod calls nothing of Kubernetes"
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod.owner}: expected enableServiceLinks false; Kubernetes would add variables such as TABENTO_PORT"
        yield from _container_security(pod)


def _container_security(pod: Pod) -> Iterator[str]:
    for container in pod.containers:
        name, security = f"{pod.owner}, container {container['name']}", container.get("securityContext") or {}
        expected: dict[str, Any] = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        }
        for field, value in expected.items():
            if security.get(field) is not value:
                yield f"{name}: expected securityContext.{field} {value}, got {security.get(field)}"
        if security.get("privileged"):
            yield f"{name}: privileged is true; remove it"
        capabilities = security.get("capabilities") or {}
        if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
            yield f"{name}: expected capabilities.drop [ALL] and no other, got {capabilities}"
        for port in container.get("ports", []):
            if port.get("hostPort"):
                yield f"{name}: hostPort {port['hostPort']} binds a port of the node; remove it"


def restricted_volumes(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield volumes of a forbidden kind, mounts without a volume, volumes without a mount, and mounts by subPath."""
    for pod in find_pods(objects):
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
        for name, volume in volumes.items():
            if kinds := {*volume} - {"name"} - _RESTRICTED_VOLUMES:
                yield f"{pod.owner}, volume {name}: {', '.join(sorted(kinds))} is not allowed in a restricted namespace"
        mounts = [mount for container in pod.containers for mount in container.get("volumeMounts", [])]
        for mount in mounts:
            if mount["name"] not in volumes:
                yield f"{pod.owner}: {mount['mountPath']} mounts the volume {mount['name']!r}, which does not exist"
            if "subPath" in mount:
                yield f"{pod.owner}: {mount['mountPath']} uses subPath, which Kubernetes does not update; mount the folder"
        for name in sorted({*volumes} - {mount["name"] for mount in mounts}):
            yield f"{pod.owner}, volume {name}: no container mounts it"


def bounded_resources(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield containers without requests or limits, and emptyDir volumes without a size or above the limit of the disk."""
    for pod in find_pods(objects):
        disk_limit = 0.0
        for container in pod.containers:
            resources = container.get("resources") or {}
            for section, names in NEEDED_RESOURCES.items():
                for name in names:
                    if name not in (resources.get(section) or {}):
                        yield f"{pod.owner}, container {container['name']}: expected resources.{section}.{name}, got none"
            yield from _request_above_limit(pod, container["name"], resources)
            disk_limit += parse_quantity((resources.get("limits") or {}).get("ephemeral-storage", 0))
        folders = {volume["name"]: volume["emptyDir"] for volume in pod.spec.get("volumes", []) if "emptyDir" in volume}
        for name, folder in folders.items():
            if "sizeLimit" not in (folder or {}):
                yield f"{pod.owner}, volume {name}: expected a sizeLimit; a full node evicts every pod on it"
        on_disk = sum(
            parse_quantity(folder.get("sizeLimit", 0))
            for folder in folders.values()
            if folder and folder.get("medium") != "Memory"
        )
        if pod.kind != "Service" and on_disk > disk_limit:
            yield (
                f"{pod.owner}: its emptyDir volumes may hold {on_disk:.0f} bytes, above its limit of ephemeral-storage of"
                f" {disk_limit:.0f}: the kubelet evicts the pod before a volume is full"
            )


def _request_above_limit(pod: Pod, name: str, resources: Mapping[str, Any]) -> Iterator[str]:
    limits = resources.get("limits") or {}
    for resource, request in (resources.get("requests") or {}).items():
        if resource in limits and parse_quantity(request) > parse_quantity(limits[resource]):
            yield f"{pod.owner}, container {name}: requests {request} of {resource}, above its limit of {limits[resource]}"


def named_images(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield containers whose image has neither a digest nor a tag, or the tag latest."""
    for pod in find_pods(objects):
        for container in pod.containers:
            image = str(container.get("image", ""))
            tag = image.rpartition("/")[2].partition(":")[2]
            if "@sha256:" not in image and tag in ("", "latest"):
                yield f"{pod.owner}, container {container['name']}: {image!r} names no version; set a tag or a digest"


def finite_jobs(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield jobs that could run, be repeated or be kept without a limit."""
    for manifest in objects:
        if manifest["kind"] not in ("Job", "CronJob"):
            continue
        spec = manifest["spec"]["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else manifest["spec"]
        name = f"{manifest['kind']}/{manifest['metadata'].get('name') or manifest['metadata'].get('generateName')}"
        for field in ("activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"):
            if field not in spec and not (field == "backoffLimit" and "backoffLimitPerIndex" in spec):
                yield f"{name}: expected {field}, got none"
        if spec["template"]["spec"].get("restartPolicy") != "Never":
            yield f"{name}: expected restartPolicy Never, so that the log of a failed attempt is kept"
        if manifest["kind"] == "CronJob" and manifest["spec"].get("concurrencyPolicy") != "Forbid":
            yield f"{name}: expected concurrencyPolicy Forbid: two trainings of one model would use the same folders"


RULES = (restricted_security, restricted_volumes, bounded_resources, named_images, finite_jobs)
