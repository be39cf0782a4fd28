"""Rules for names: each selector, target, port and volume refers to something that the same rendering has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from deploy.manifests.render import Manifest, identify
from deploy.manifests.rules.objects import Pod, find_pods, is_selected, of_kind

INTERNAL_ROUTES = ("/metrics", "/admin")
"""Routes for operators, which an Ingress must not publish."""
CLUSTER_KINDS = frozenset({"Namespace"})


def one_namespace(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield objects without a namespace, or in another one than the first object."""
    namespaces = {
        identify(manifest): manifest["metadata"].get("namespace")
        for manifest in objects
        if manifest["kind"] not in CLUSTER_KINDS
    }
    expected = next(iter(namespaces.values()), None)
    for name, namespace in namespaces.items():
        if namespace is None or namespace != expected:
            yield f"{name}: expected the namespace {expected!r} of the other objects, got {namespace!r}"


def no_secrets(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield Secrets: a repository of manifests must not contain one."""
    for manifest in of_kind(objects, "Secret"):
        yield f"{identify(manifest)}: a Secret must not be in a manifest; see docs/kubernetes.md for the ways to make it"


def _selectors(objects: Sequence[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the owner and the selector of each object that selects pods of its namespace."""
    for manifest in of_kind(objects, "Service"):
        yield identify(manifest), {"matchLabels": manifest["spec"].get("selector") or {}}
    for manifest in of_kind(objects, "PodDisruptionBudget"):
        yield identify(manifest), manifest["spec"]["selector"]
    for manifest in of_kind(objects, "NetworkPolicy"):
        yield identify(manifest), manifest["spec"]["podSelector"]


def selectors_match(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield selectors that select no pod, and Deployments that do not select their own pods."""
    pods = list(find_pods(objects))
    for owner, selector in _selectors(objects):
        if not any(is_selected(selector, pod.labels) for pod in pods):
            yield f"{owner}: its selector {selector.get('matchLabels')} selects no pod of this rendering"
    for manifest in of_kind(objects, "Deployment"):
        labels = manifest["spec"]["template"]["metadata"]["labels"]
        selector = manifest["spec"]["selector"]
        if not selector.get("matchLabels") or not is_selected(selector, labels):
            yield f"{identify(manifest)}: its selector {selector} does not select its own pods {labels}"
        for constraint in manifest["spec"]["template"]["spec"].get("topologySpreadConstraints", []):
            if not is_selected(constraint["labelSelector"], labels):
                yield f"{identify(manifest)}: a topology spread constraint does not select its own pods"


def isolated_pods(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield pods without a network policy of their own, in a rendering that has network policies."""
    policies = [
        manifest["spec"]["podSelector"]
        for manifest in of_kind(objects, "NetworkPolicy")
        if manifest["spec"]["podSelector"].get("matchLabels")
    ]
    if not any(True for _ in of_kind(objects, "NetworkPolicy")):
        return
    for pod in find_pods(objects):
        if not any(is_selected(selector, pod.labels) for selector in policies):
            yield f"{pod.owner}: no network policy allows its connections"


def ports_exist(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield ports of Services, probes, policies and monitors that no container or Service has by this name."""
    pods = list(find_pods(objects))
    for manifest in of_kind(objects, "Service"):
        selector = {"matchLabels": manifest["spec"].get("selector") or {}}
        names = _port_names([pod for pod in pods if is_selected(selector, pod.labels)])
        for port in manifest["spec"].get("ports", []):
            if port.get("targetPort") not in names:
                yield f"{identify(manifest)}: targetPort {port.get('targetPort')!r} is not a port of its pods ({sorted(names)})"
    for pod in pods:
        for container in pod.containers:
            names = {port["name"] for port in container.get("ports", []) if "name" in port}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                port = ((container.get(probe) or {}).get("httpGet") or {}).get("port")
                if isinstance(port, str) and port not in names:
                    yield f"{pod.owner}, {probe}: port {port!r} is not a port of the container ({sorted(names)})"
    services = [(manifest["metadata"].get("labels") or {}, manifest) for manifest in of_kind(objects, "Service")]
    for manifest in of_kind(objects, "ServiceMonitor"):
        matches = [service for labels, service in services if is_selected(manifest["spec"]["selector"], labels)]
        if not matches:
            yield f"{identify(manifest)}: its selector selects no Service of this rendering"
        names = {port.get("name") for service in matches for port in service["spec"]["ports"]}
        for endpoint in manifest["spec"]["endpoints"]:
            if matches and endpoint.get("port") not in names:
                yield f"{identify(manifest)}: port {endpoint.get('port')!r} is not a port of the Service ({sorted(map(str, names))})"


def ingress_reaches_service(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield Ingresses without TLS, paths to a Service or port that does not exist, and routes that must stay inside the cluster."""
    ports = {
        manifest["metadata"]["name"]: {port.get("name") for port in manifest["spec"]["ports"]}
        for manifest in of_kind(objects, "Service")
    }
    for manifest in of_kind(objects, "Ingress"):
        name, spec = identify(manifest), manifest["spec"]
        hosts = {host for entry in spec.get("tls", []) for host in entry.get("hosts", [])}
        for rule in spec["rules"]:
            if rule.get("host") not in hosts:
                yield f"{name}: the host {rule.get('host')!r} has no certificate in spec.tls"
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                if backend["port"].get("name") not in ports.get(backend["name"], set()):
                    yield f"{name}: {path['path']} leads to {backend}, which is not a port of a Service of this rendering"
                if any(f"{route}/".startswith(f"{path['path'].rstrip('/')}/") for route in INTERNAL_ROUTES):
                    yield f"{name}: {path['path']} publishes {' or '.join(INTERNAL_ROUTES)}; list the paths that clients need"


def _port_names(pods: Sequence[Pod]) -> set[str]:
    return {port["name"] for pod in pods for container in pod.containers for port in container.get("ports", [])}


def targets_exist(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield autoscalers without their Deployment, and Deployments whose replicas both an autoscaler and the manifest set."""
    deployments = {manifest["metadata"]["name"]: manifest for manifest in of_kind(objects, "Deployment")}
    scaled: dict[str, str] = {}
    for manifest in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        target, name = manifest["spec"]["scaleTargetRef"], identify(manifest)
        deployment = deployments.get(target["name"])
        if deployment is None or target.get("kind") != "Deployment":
            yield f"{name}: its target {target.get('kind')}/{target['name']} is not in this rendering"
            continue
        if target["name"] in scaled:
            yield f"{name}: {scaled[target['name']]} scales the same Deployment; keep one"
        scaled[target["name"]] = name
        if "replicas" in deployment["spec"]:
            yield (
                f"{name}: {identify(deployment)} has replicas {deployment['spec']['replicas']},"
                " so each `kubectl apply` would undo the autoscaler's decision; remove them"
            )


def volumes_exist(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield pods whose ConfigMap, claim or service account is not in the rendering. Secrets are made elsewhere."""
    names = {kind: {item["metadata"].get("name") for item in of_kind(objects, kind)} for kind in
             ("ConfigMap", "PersistentVolumeClaim", "ServiceAccount")}  # fmt: skip
    for pod in find_pods(objects):
        account = pod.spec.get("serviceAccountName")
        if account is not None and account not in names["ServiceAccount"]:
            yield f"{pod.owner}: the service account {account!r} is not in this rendering"
        for volume in pod.spec.get("volumes", []):
            config_map = (volume.get("configMap") or {}).get("name")
            claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if config_map is not None and config_map not in names["ConfigMap"]:
                yield f"{pod.owner}, volume {volume['name']}: the ConfigMap {config_map!r} is not in this rendering"
            if claim is not None and claim not in names["PersistentVolumeClaim"]:
                yield f"{pod.owner}, volume {volume['name']}: the claim {claim!r} is not in this rendering"


RULES = (
    one_namespace,
    no_secrets,
    selectors_match,
    isolated_pods,
    ports_exist,
    ingress_reaches_service,
    targets_exist,
    volumes_exist,
)
