"""Rules that come from the service itself: its routes, its drain, its settings and its disk."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError, create_model

from deploy.manifests.render import Manifest, identify
from deploy.manifests.rules.objects import Pod, environment_of, find_pods, is_selected, of_kind, parse_quantity
from deploy.manifests.tools import ROOT
from serving.settings import ENV_PREFIX, TRAINING_PREFIX, ServingSettings
from tabento.bundle.env_files import CHOOSERS, PROFILE_VARIABLE, PROFILES_FOLDER, read_environment_file
from tabento.bundle.environment import unknown_variables
from training.config.settings import TrainingSettings

PROBE_PATHS = {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
LAST_RESORT_S = 5.0
"""The seconds after the drain in which a thread ends a process that does not respond, see docs/http.md."""
STATE_FOLDER = "/var/lib/tabento"
LOG_SHARE = 0.5
"""The largest share of the state volume that the prediction log may keep: segments that are being written need the remainder."""


def _settings(container: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that a container's service sees: those of its profile, replaced by its own."""
    environment = environment_of(container)
    profile = environment.get(PROFILE_VARIABLE)
    path = ROOT / PROFILES_FOLDER / f"{profile}.env"
    from_profile = {} if profile is None or not path.is_file() else read_environment_file(path)
    return {name: value for name, value in {**from_profile, **environment}.items() if value is not None}


def _seconds(variables: Mapping[str, str], name: str) -> float:
    default = ServingSettings.model_fields[name].default
    return float(variables.get(ENV_PREFIX + name.upper(), default))


def probes_ask_routes(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield missing probes, and probes of another route than the service has for them."""
    for pod in find_pods(objects):
        if not pod.is_service:
            continue
        for container in pod.spec["containers"]:
            for probe, path in PROBE_PATHS.items():
                if pod.kind == "Service" and probe == "readinessProbe" and probe not in container:
                    continue  # Cloud Run has no readiness probe; Knative uses the startup's default
                got = ((container.get(probe) or {}).get("httpGet") or {}).get("path")
                if got != path:
                    yield f"{pod.owner}: expected {probe} on {path}, got {got}"


def grace_covers_drain(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield Deployments that Kubernetes could kill in their drain, and those that stop before proxies know."""
    for pod in find_pods(objects):
        if not pod.is_service or pod.kind != "Deployment":
            continue
        for container in pod.spec["containers"]:
            variables = _settings(container)
            pause = ((container.get("lifecycle") or {}).get("preStop") or {}).get("sleep") or {}
            before_s = float(pause.get("seconds", 0))
            if before_s + _seconds(variables, "drain_s") < 5:
                yield f"{pod.owner}: expected 5 s of preStop and drain_s together, got less; proxies need them to notice"
            needed_s = before_s + _seconds(variables, "drain_s") + _seconds(variables, "drain_limit_s") + LAST_RESORT_S
            grace_s = float(pod.spec.get("terminationGracePeriodSeconds", 30))
            if grace_s <= needed_s:
                yield (
                    f"{pod.owner}: expected terminationGracePeriodSeconds above {needed_s:g} (preStop, drain_s, drain_limit_s"
                    f" and {LAST_RESORT_S:g} s), got {grace_s:g}"
                )


def variables_are_settings(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield variables that service and training would refuse, values that a setting refuses, and secrets in plain text."""
    serving_names = [ENV_PREFIX + name.upper() for name in ServingSettings.model_fields]
    training_names = [TRAINING_PREFIX + name.upper() for name in TrainingSettings.model_fields]
    for pod in find_pods(objects):
        for container in pod.containers:
            variables = {entry["name"]: str(entry.get("value", "")) for entry in container.get("env", [])}
            for name in unknown_variables(variables, ENV_PREFIX, [*serving_names, *training_names, *CHOOSERS]):
                yield f"{pod.owner}: {name} is not a setting"
            yield from _impossible_values(pod, variables)


def _impossible_values(pod: Pod, variables: Mapping[str, str]) -> Iterator[str]:
    fields = ServingSettings.model_fields
    for name, value in variables.items():
        key = name.removeprefix(ENV_PREFIX).lower()
        if not name.startswith(ENV_PREFIX) or key not in fields or not value:
            continue
        if "SecretStr" in str(fields[key].annotation):
            yield f"{pod.owner}: {name} is a secret and must not be in a manifest; put it into the Secret as {name.lower()}"
            continue
        model = create_model("Setting", **{key: (fields[key].annotation, fields[key])})  # type: ignore[call-overload]
        try:
            # Lists and objects are read from JSON, as pydantic-settings does.
            model.model_validate({key: json.loads(value) if value.startswith(("[", "{")) else value})
        except ValueError as error:
            message = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            yield f"{pod.owner}: {name} is {value!r}: {message}"


def log_fits_volume(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield services whose prediction log may become larger than half of the volume that holds it."""
    for pod in find_pods(objects):
        if not pod.is_service or pod.kind != "Deployment":
            continue
        sizes = {
            volume["name"]: parse_quantity(volume["emptyDir"]["sizeLimit"])
            for volume in pod.spec.get("volumes", [])
            if "sizeLimit" in (volume.get("emptyDir") or {})
        }
        for container in pod.spec["containers"]:
            volumes = [mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == STATE_FOLDER]
            if not volumes:
                yield f"{pod.owner}: expected a volume at {STATE_FOLDER}, the only folder besides /tmp that the service writes"
                continue
            keep = _seconds(_settings(container), "prediction_log_keep_bytes")
            size = sizes.get(volumes[0], math.inf)
            if keep > LOG_SHARE * size:
                yield (
                    f"{pod.owner}: the prediction log keeps {keep:.0f} bytes, above {LOG_SHARE:.0%} of its volume of {size:.0f};"
                    " lower TABENTO_PREDICTION_LOG_KEEP_BYTES"
                )


def updates_keep_replicas(objects: Sequence[Manifest]) -> Iterator[str]:
    """Yield Deployments that stop a pod before a new one is ready, and budgets that allow no eviction or every one."""
    minimum: dict[str, int] = {}
    for manifest in of_kind(objects, "HorizontalPodAutoscaler"):
        minimum[manifest["spec"]["scaleTargetRef"]["name"]] = manifest["spec"]["minReplicas"]
    for manifest in of_kind(objects, "ScaledObject"):
        minimum[manifest["spec"]["scaleTargetRef"]["name"]] = manifest["spec"]["minReplicaCount"]
    budgets = list(of_kind(objects, "PodDisruptionBudget"))
    for manifest in of_kind(objects, "Deployment"):
        name, spec = identify(manifest), manifest["spec"]
        update = (spec.get("strategy") or {}).get("rollingUpdate") or {}
        if update.get("maxUnavailable") != 0:
            yield f"{name}: expected rollingUpdate.maxUnavailable 0, got {update.get('maxUnavailable')}"
        replicas = minimum.get(manifest["metadata"]["name"], spec.get("replicas", 1))
        if replicas < 2:
            yield f"{name}: expected at least 2 replicas, got {replicas}: the loss of a node would stop the service"
        labels = spec["template"]["metadata"]["labels"]
        matches = [budget["spec"] for budget in budgets if is_selected(budget["spec"]["selector"], labels)]
        if len(matches) != 1:
            yield f"{name}: expected one PodDisruptionBudget, got {len(matches)}"
        elif not 0 < matches[0].get("maxUnavailable", 0) < replicas:
            yield f"{name}: expected a budget of 1 to {replicas - 1} unavailable pods, got {matches[0].get('maxUnavailable')}"


RULES = (
    probes_ask_routes,
    grace_covers_drain,
    variables_are_settings,
    log_fits_volume,
    updates_keep_replicas,
)
