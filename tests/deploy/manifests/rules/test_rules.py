"""Each rule accepts the manifests of the repository and names the object and the value of a violation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deploy.manifests.render import Manifest
from deploy.manifests.rules import check_rules

Find = Callable[[str], Manifest]
Change = Callable[[Find], Any]


def pod_of(manifest: Manifest) -> dict[str, Any]:
    """Return the pod of a Deployment or CronJob."""
    spec = manifest["spec"]["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else manifest["spec"]
    pod: dict[str, Any] = spec["template"]["spec"]
    return pod


def container_of(find: Find, kind: str = "Deployment") -> dict[str, Any]:
    """Return the container of the Deployment or of the CronJob."""
    container: dict[str, Any] = pod_of(find(kind))["containers"][0]
    return container


def set_variable(find: Find, name: str, value: str) -> None:
    """Set a variable of the service's container."""
    variables = [entry for entry in container_of(find)["env"] if entry["name"] != name]
    container_of(find)["env"] = [*variables, {"name": name, "value": value}]


def set_size(find: Find, volume: str, size: str) -> None:
    """Set the size of an emptyDir of the service."""
    next(item for item in pod_of(find("Deployment"))["volumes"] if item["name"] == volume)["emptyDir"] = {
        "sizeLimit": size
    }


def stop_without_pause(find: Find) -> None:
    """Remove the preStop hook and shorten the drain."""
    container_of(find).pop("lifecycle")
    set_variable(find, "TABENTO_DRAIN_S", "4")


POD_CASES: list[tuple[str, Change]] = [
    ("expected securityContext.runAsNonRoot true, got None", lambda f: pod_of(f("Deployment"))["securityContext"].pop("runAsNonRoot")),
    ("expected runAsUser and runAsGroup 1034, the user of the image, got 0 and 1034", lambda f: pod_of(f("Deployment"))["securityContext"].update(runAsUser=0)),
    ("expected seccompProfile.type RuntimeDefault, got None", lambda f: pod_of(f("CronJob"))["securityContext"].pop("seccompProfile")),
    ("hostNetwork is true", lambda f: pod_of(f("Deployment")).update(hostNetwork=True)),
    ("expected automountServiceAccountToken false", lambda f: pod_of(f("Deployment")).pop("automountServiceAccountToken")),
    ("expected enableServiceLinks false", lambda f: pod_of(f("Deployment")).pop("enableServiceLinks")),
    ("expected securityContext.readOnlyRootFilesystem True, got False", lambda f: container_of(f)["securityContext"].update(readOnlyRootFilesystem=False)),
    ("expected securityContext.allowPrivilegeEscalation False, got None", lambda f: container_of(f)["securityContext"].pop("allowPrivilegeEscalation")),
    ("privileged is true", lambda f: container_of(f)["securityContext"].update(privileged=True)),
    ("expected capabilities.drop [ALL]", lambda f: container_of(f)["securityContext"].update(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]})),
    ("hostPort 3000 binds a port of the node", lambda f: container_of(f)["ports"][0].update(hostPort=3000)),
    ("hostPath is not allowed", lambda f: pod_of(f("Deployment"))["volumes"].append({"name": "x", "hostPath": {"path": "/"}})),
    ("mounts the volume 'nothing', which does not exist", lambda f: container_of(f)["volumeMounts"].append({"name": "nothing", "mountPath": "/x"})),
    ("uses subPath", lambda f: container_of(f)["volumeMounts"][0].update(subPath="keys.json")),
    ("volume spare: no container mounts it", lambda f: pod_of(f("Deployment"))["volumes"].append({"name": "spare", "emptyDir": {"sizeLimit": "1Mi"}})),
    ("expected resources.limits.memory, got none", lambda f: container_of(f)["resources"]["limits"].pop("memory")),
    ("requests 3 of cpu, above its limit of 2", lambda f: container_of(f)["resources"]["requests"].update(cpu="3")),
    ("volume state: expected a sizeLimit", lambda f: pod_of(f("Deployment"))["volumes"][3].update(emptyDir={})),
    ("above its limit of ephemeral-storage", lambda f: set_size(f, "state", "8Gi")),
    ("names no version", lambda f: container_of(f).update(image="registry.example.com:5000/tabento")),
    ("names no version", lambda f: container_of(f).update(image="tabento:latest")),
    ("expected activeDeadlineSeconds, got none", lambda f: f("CronJob")["spec"]["jobTemplate"]["spec"].pop("activeDeadlineSeconds")),
    ("expected restartPolicy Never", lambda f: pod_of(f("CronJob")).update(restartPolicy="OnFailure")),
    ("expected concurrencyPolicy Forbid", lambda f: f("CronJob")["spec"].pop("concurrencyPolicy")),
]  # fmt: skip

REFERENCE_CASES: list[tuple[str, Change]] = [
    ("Service/tabento: expected the namespace 'orchard' of the other objects, got 'default'", lambda f: f("Service")["metadata"].update(namespace="default")),
    ("Service/tabento: its selector {'app': 'x'} selects no pod", lambda f: f("Service")["spec"].update(selector={"app": "x"})),
    ("does not select its own pods", lambda f: f("Deployment")["spec"].update(selector={"matchLabels": {"app": "x"}})),
    ("a topology spread constraint does not select its own pods", lambda f: pod_of(f("Deployment"))["topologySpreadConstraints"][0].update(labelSelector={"matchLabels": {"app": "x"}})),
    ("PodDisruptionBudget/tabento: its selector", lambda f: f("PodDisruptionBudget")["spec"].update(selector={"matchLabels": {"app": "x"}})),
    ("Deployment/tabento: no network policy allows its connections", lambda f: f("NetworkPolicy")["spec"].update(podSelector={})),
    ("targetPort 'web' is not a port of its pods", lambda f: f("Service")["spec"]["ports"][0].update(targetPort="web")),
    ("livenessProbe: port 'web' is not a port of the container", lambda f: container_of(f)["livenessProbe"]["httpGet"].update(port="web")),
    ("the host 'models.example.com' has no certificate in spec.tls", lambda f: f("Ingress")["spec"].update(tls=[])),
    ("which is not a port of a Service of this rendering", lambda f: f("Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"].update(name="other")),
    ("Ingress/tabento: / publishes /metrics or /admin", lambda f: f("Ingress")["spec"]["rules"][0]["http"]["paths"][0].update(path="/")),
    ("Ingress/tabento: /admin publishes", lambda f: f("Ingress")["spec"]["rules"][0]["http"]["paths"][0].update(path="/admin")),
    ("ServiceMonitor/tabento: its selector selects no Service", lambda f: f("ServiceMonitor")["spec"].update(selector={"matchLabels": {"app": "x"}})),
    ("ServiceMonitor/tabento: port 'web' is not a port of the Service", lambda f: f("ServiceMonitor")["spec"]["endpoints"][0].update(port="web")),
    ("its target Deployment/other is not in this rendering", lambda f: f("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"].update(name="other")),
    ("so each `kubectl apply` would undo the autoscaler's decision", lambda f: f("Deployment")["spec"].update(replicas=2)),
    ("the ConfigMap 'tabento-rollout' is not in this rendering", lambda f: f("ConfigMap")["metadata"].update(name="other")),
    ("the claim 'tabento-retraining' is not in this rendering", lambda f: f("PersistentVolumeClaim")["metadata"].update(name="other")),
    ("the service account 'other' is not in this rendering", lambda f: pod_of(f("Deployment")).update(serviceAccountName="other")),
]  # fmt: skip

SERVICE_CASES: list[tuple[str, Change]] = [
    ("expected readinessProbe on /readyz, got /livez", lambda f: container_of(f)["readinessProbe"]["httpGet"].update(path="/livez")),
    ("expected livenessProbe on /livez, got /readyz", lambda f: container_of(f)["livenessProbe"]["httpGet"].update(path="/readyz")),
    ("expected startupProbe on /readyz, got None", lambda f: container_of(f).pop("startupProbe")),
    ("expected terminationGracePeriodSeconds above 45 ", lambda f: pod_of(f("Deployment")).update(terminationGracePeriodSeconds=45)),
    ("expected terminationGracePeriodSeconds above 75 ", lambda f: set_variable(f, "TABENTO_DRAIN_LIMIT_S", "60")),
    ("expected 5 s of preStop and drain_s together", stop_without_pause),
    ("TABENTO_DRIAN_S is not a setting", lambda f: set_variable(f, "TABENTO_DRIAN_S", "1")),
    ("TABENTO_TRAINING_TRACKINGURI is not a setting", lambda f: container_of(f, "CronJob")["env"].append({"name": "TABENTO_TRAINING_TRACKINGURI", "value": "http://x"})),
    ("TABENTO_DRAIN_LIMIT_S is '0': Input should be greater than 0", lambda f: set_variable(f, "TABENTO_DRAIN_LIMIT_S", "0")),
    ("TABENTO_QUALITY_MIN_ROWS is '1':", lambda f: set_variable(f, "TABENTO_QUALITY_MIN_ROWS", "1")),
    ("TABENTO_TRUSTED_PROXIES is '[10.0.0.0/8]':", lambda f: set_variable(f, "TABENTO_TRUSTED_PROXIES", "[10.0.0.0/8]")),
    ("TABENTO_REDIS_URL is a secret and must not be in a manifest", lambda f: set_variable(f, "TABENTO_REDIS_URL", "rediss://:x@redis")),
    ("the prediction log keeps 2000000000 bytes, above 50% of its volume", lambda f: set_variable(f, "TABENTO_PREDICTION_LOG_KEEP_BYTES", "2000000000")),
    ("the prediction log keeps 1073741824 bytes, above 50% of its volume of 1073741824", lambda f: set_size(f, "state", "1Gi")),
    ("expected a volume at /var/lib/tabento", lambda f: container_of(f)["volumeMounts"][3].update(mountPath="/data")),
    ("expected rollingUpdate.maxUnavailable 0, got 1", lambda f: f("Deployment")["spec"]["strategy"]["rollingUpdate"].update(maxUnavailable=1)),
    ("expected at least 2 replicas, got 1", lambda f: f("HorizontalPodAutoscaler")["spec"].update(minReplicas=1)),
    ("expected a budget of 1 to 2 unavailable pods, got 3", lambda f: f("PodDisruptionBudget")["spec"].update(maxUnavailable=3)),
]  # fmt: skip


def test_the_manifests_keep_all_rules(objects: list[Manifest]) -> None:
    """No rule names a violation in the objects of the repository."""
    assert check_rules(objects) == []


@pytest.mark.parametrize(
    ("message", "change"),
    [*POD_CASES, *REFERENCE_CASES, *SERVICE_CASES],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_each_violation_is_named(message: str, change: Change, objects: list[Manifest], find: Find) -> None:
    """One change of the manifests yields a line with the object, the expected and the actual value."""
    change(find)
    assert any(message in line for line in check_rules(objects)), check_rules(objects)


def test_a_secret_is_refused(objects: list[Manifest]) -> None:
    """A manifest with a Secret is named, since repositories must not contain one."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "orchard"}}
    assert check_rules([*objects, secret]) == [
        "Secret/keys: a Secret must not be in a manifest; see docs/kubernetes.md for the ways to make it"
    ]


def test_two_autoscalers_are_refused(objects: list[Manifest], find: Find) -> None:
    """KEDA and a HorizontalPodAutoscaler of one Deployment would fight."""
    target = find("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    scaled = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "tabento", "namespace": "orchard"},
        "spec": {"scaleTargetRef": target, "minReplicaCount": 3},
    }
    expected = "ScaledObject/tabento: HorizontalPodAutoscaler/tabento scales the same Deployment; keep one"
    assert expected in check_rules([*objects, scaled])


def test_the_profile_decides_the_drain(objects: list[Manifest], find: Find) -> None:
    """Without a drain_s of its own, the pod drains as long as its profile says."""
    container = container_of(find)
    container["env"] = [entry for entry in container["env"] if entry["name"] != "TABENTO_DRAIN_S"]
    container["env"].append({"name": "TABENTO_PROFILE", "value": "production"})
    assert any("above 50 (preStop, drain_s, drain_limit_s" in line for line in check_rules(objects))
