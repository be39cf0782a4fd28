"""The autoscalers of deploy/kubernetes are read from their manifests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from benchmarks.capacity.autoscaler import ScalingPolicy
from benchmarks.capacity.autoscaler_manifests import COMPONENTS, read_hpa, read_keda
from benchmarks.capacity.demand import DemandError


def test_targets_and_rules_are_those_of_the_manifests() -> None:
    """The processor time, the queue wait and each policy are read; the wait belongs to a component of its own."""
    spec = yaml.safe_load((COMPONENTS / "hpa" / "hpa.yaml").read_text(encoding="utf-8"))["spec"]
    hpa, with_wait, keda = read_hpa(), read_hpa(with_wait=True), read_keda()
    assert (
        hpa.cpu_target == with_wait.cpu_target == spec["metrics"][0]["resource"]["target"]["averageUtilization"] / 100
    )
    assert hpa.wait_target_s is None
    assert 0.001 < (with_wait.wait_target_s or 0) < 1
    assert 0.001 < (keda.wait_target_s or 0) < 1
    expected = [
        ScalingPolicy("pods" if policy["type"] == "Pods" else "percent", policy["value"], policy["periodSeconds"])
        for policy in spec["behavior"]["scaleUp"]["policies"]
    ]
    assert list(hpa.scale_up.policies) == expected
    assert hpa.scale_down.stabilization_s == spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
    assert hpa.settings(2, 7).replicas_most == 7


def test_a_changed_manifest(tmp_path: Path) -> None:
    """A manifest without the expected keys is an error that names the file and the key."""
    shutil.copytree(COMPONENTS, tmp_path / "components")
    for name in ("hpa/hpa.yaml", "keda/scaledobject.yaml"):
        (tmp_path / "components" / name).write_text("spec: {metrics: [], triggers: []}\n", encoding="utf-8")
    with pytest.raises(DemandError, match="hpa does not have the expected content"):
        read_hpa(tmp_path / "components")
    with pytest.raises(DemandError, match=r"scaledobject\.yaml .*'advanced'|'cpu'"):
        read_keda(tmp_path / "components")
