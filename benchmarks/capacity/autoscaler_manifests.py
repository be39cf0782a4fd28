"""The autoscalers that deploy/kubernetes ships, read from their manifests, so that the simulation has their targets and rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.capacity.autoscaler import AutoscalerSettings, ScalingPolicy, ScalingRules
from benchmarks.capacity.demand import DemandError
from benchmarks.process import ROOT

COMPONENTS = ROOT / "deploy" / "kubernetes" / "components"
_UNITS = {"m": 1e-3, "": 1.0}


@dataclass(frozen=True)
class ShippedAutoscaler:
    """The targets and the rules of a manifest."""

    cpu_target: float
    """The processor time as a share of the request."""
    wait_target_s: float | None
    """The p99 of the queue wait of a pod; None if the autoscaler does not read it."""
    scale_up: ScalingRules
    scale_down: ScalingRules

    def settings(self, replicas_least: int, replicas_most: int) -> AutoscalerSettings:
        """Return the rules with bounds for a trace; the bounds of the manifest are for one size of service."""
        return AutoscalerSettings(replicas_least, replicas_most, scale_up=self.scale_up, scale_down=self.scale_down)


def read_hpa(components: Path = COMPONENTS, *, with_wait: bool = False) -> ShippedAutoscaler:
    """Return the HorizontalPodAutoscaler, with the queue wait if its component is used as well.

    Raises:
        DemandError: a manifest does not have the expected content.
    """
    try:
        spec = _read(components / "hpa" / "hpa.yaml")["spec"]
        metrics = list(spec["metrics"])
        if with_wait:
            patches = _read(components / "hpa-queue-wait" / "kustomization.yaml")["patches"]
            metrics += [operation["value"] for patch in patches for operation in yaml.safe_load(patch["patch"])]
        cpu = next(metric["resource"]["target"] for metric in metrics if metric["type"] == "Resource")
        waits = [metric["pods"]["target"]["averageValue"] for metric in metrics if metric["type"] == "Pods"]
        rules = _rules(spec["behavior"])
    except (KeyError, TypeError, StopIteration) as error:
        raise _unexpected(components / "hpa", error) from error
    return ShippedAutoscaler(cpu["averageUtilization"] / 100, _quantity(waits[0]) if waits else None, *rules)


def read_keda(components: Path = COMPONENTS) -> ShippedAutoscaler:
    """Return KEDA's ScaledObject.

    Raises:
        DemandError: the manifest does not have the expected content.
    """
    path = components / "keda" / "scaledobject.yaml"
    try:
        spec = _read(path)["spec"]
        triggers = {trigger["type"]: trigger["metadata"] for trigger in spec["triggers"]}
        rules = _rules(spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"])
        return ShippedAutoscaler(
            float(triggers["cpu"]["value"]) / 100, float(triggers["prometheus"]["threshold"]), *rules
        )
    except (KeyError, TypeError) as error:
        raise _unexpected(path, error) from error


def _read(path: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _rules(behavior: Mapping[str, Any]) -> tuple[ScalingRules, ScalingRules]:
    up, down = (
        ScalingRules(
            float(rules["stabilizationWindowSeconds"]),
            tuple(
                ScalingPolicy(
                    "pods" if policy["type"] == "Pods" else "percent", policy["value"], policy["periodSeconds"]
                )
                for policy in rules["policies"]
            ),
            rules.get("selectPolicy", "Max").lower(),
        )
        for rules in (behavior["scaleUp"], behavior["scaleDown"])
    )
    return up, down


def _quantity(text: str) -> float:
    """Return the number of a Kubernetes quantity without a unit or with ``m``."""
    digits = str(text).rstrip("m")
    return float(digits) * _UNITS[str(text)[len(digits) :]]


def _unexpected(path: Path, error: Exception) -> DemandError:
    return DemandError(f"{path} does not have the expected content: {type(error).__name__}: {error}")
