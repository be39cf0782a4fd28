"""The checks with the real programs: kubectl, helm, kubernetes-validate and checkov."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import deploy.manifests.render as render_module
from deploy.manifests.__main__ import main
from deploy.manifests.compare import compare
from deploy.manifests.errors import ManifestError
from deploy.manifests.policies import SKIPPED_POLICIES, PolicyResult, check_policies, check_schemas, write_renderings
from deploy.manifests.render import (
    VALUES,
    Manifest,
    Rendering,
    overlay_names,
    render_chart,
    render_folder,
    render_overlay,
)
from deploy.manifests.rules import check_rules
from deploy.manifests.tools import ENVIRONMENT

pytestmark = [
    pytest.mark.manifests,
    pytest.mark.real_parts,
    pytest.mark.skipif(not (ENVIRONMENT / ".installed").exists(), reason="not installed: run `make manifests`"),
]


@pytest.fixture(scope="module")
def overlays() -> dict[str, Rendering]:
    """All overlays, rendered."""
    return {name: render_overlay(name) for name in overlay_names()}


def of_kind(objects: Sequence[Manifest], kind: str) -> Manifest:
    """Return the object of a kind whose name is ``tabento``, or the first."""
    matches = [item for item in objects if item["kind"] == kind]
    return next((item for item in matches if item["metadata"].get("name") == "tabento"), matches[0])


def change_object(rendering: Rendering, kind: str, change: Callable[[Manifest], Any]) -> Rendering:
    """Return one object of a rendering, changed."""
    manifest = deepcopy(of_kind(rendering.objects, kind))
    change(manifest)
    return Rendering(rendering.name, (manifest,))


def test_the_command_finds_no_fault(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``python -m deploy.manifests`` prints a line for each check, keeps the rendered files, and returns 0.

    `make manifests` runs it for all overlays; one is enough for its output.
    """
    monkeypatch.setattr("deploy.manifests.__main__.overlay_names", lambda: ["staging"])
    monkeypatch.setattr("deploy.manifests.__main__.values_names", lambda: ["staging"])
    assert main(["--output", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["render", "copies", "schemas", "policies", "rules", "chart"]
    assert all(" ok " in line for line in lines)
    assert {"overlays-staging.yaml", "helm-staging.yaml"} <= {path.name for path in tmp_path.iterdir()}


def test_the_command_names_a_fault(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An overlay that differs from the chart and breaks a rule is status 1 and a line for each fault."""
    overlay = tmp_path / "staging"
    overlay.mkdir()
    relative = os.path.relpath(render_module.OVERLAYS / "staging", overlay)
    (overlay / "kustomization.yaml").write_text(
        f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [{relative}]\n"
        "patches:\n  - target: {kind: Deployment}\n    patch: |-\n"
        "      - {op: replace, path: /spec/template/spec/terminationGracePeriodSeconds, value: 30}\n"
    )
    monkeypatch.setattr(render_module, "OVERLAYS", tmp_path)
    monkeypatch.setattr("deploy.manifests.__main__.values_names", lambda: ["staging"])
    # checkov takes longer than all other checks, and another test shows that it finds a fault.
    monkeypatch.setattr("deploy.manifests.__main__.check_policies", lambda folder: PolicyResult(1, ()))
    assert main([]) == 1
    captured = capsys.readouterr()
    assert "overlays/staging: Deployment/tabento: expected terminationGracePeriodSeconds above 45" in captured.out
    assert "terminationGracePeriodSeconds: 30 on the left, 50 on the right" in captured.out
    assert captured.err == "2 faults\n"


@pytest.mark.parametrize("name", ["staging", "production", "production-keda"])
def test_chart_and_overlay_yield_equal_objects(name: str, overlays: dict[str, Rendering]) -> None:
    """The chart with the values of an overlay yields the objects of the overlay."""
    namespace = of_kind(overlays[name].objects, "Deployment")["metadata"]["namespace"]
    assert compare(overlays[name], render_chart(VALUES / f"{name}.yaml", namespace)) == []


def test_each_overlay_has_its_objects(overlays: dict[str, Rendering]) -> None:
    """Production has an autoscaler, alerts and retraining; staging has fixed replicas; serverless is one Knative service."""
    kinds = {name: {item["kind"] for item in rendering.objects} for name, rendering in overlays.items()}
    assert kinds["production"] - kinds["staging"] >= {"HorizontalPodAutoscaler", "PrometheusRule", "CronJob"}
    assert "ScaledObject" in kinds["production-keda"]
    assert "HorizontalPodAutoscaler" not in kinds["production-keda"]
    assert "replicas" in of_kind(overlays["staging"].objects, "Deployment")["spec"]
    assert [item["apiVersion"] for item in overlays["serverless"].objects] == ["serving.knative.dev/v1"]
    metrics = of_kind(overlays["production"].objects, "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert [metric["type"] for metric in metrics] == ["Resource", "Pods"]


def test_a_second_model_has_names_and_selectors_of_its_own(tmp_path: Path) -> None:
    """A release of another name in the same namespace selects none of the pods of the first one."""
    first, second = render_chart(None, "orchard"), render_chart(None, "orchard", release="churn")
    names = [{(item["kind"], item["metadata"]["name"]) for item in chart.objects} for chart in (first, second)]
    assert not names[0] & names[1]
    selector = of_kind(second.objects, "Deployment")["spec"]["selector"]["matchLabels"]
    assert selector.items() - of_kind(first.objects, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    assert check_rules(second.objects) == []
    assert not check_schemas(write_renderings([first, second], tmp_path)).faults


@pytest.mark.parametrize("kind", ["none", "cpu", "queue-wait", "keda"])
def test_each_autoscaler_of_the_chart_is_valid(kind: str, tmp_path: Path) -> None:
    """Each kind of autoscaling yields valid objects that keep the rules."""
    chart = render_chart(None, "orchard", f"autoscaling.kind={kind}")
    assert check_rules(chart.objects) == []
    assert not check_schemas(write_renderings([chart], tmp_path)).faults


def test_a_digest_is_used_in_place_of_the_tag() -> None:
    """An image with a digest is exactly this image."""
    digest = "sha256:" + "a" * 64
    chart = render_chart(None, "orchard", f"image.digest={digest}", "image.tag=v9")
    container = of_kind(chart.objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"tabento-california@{digest}"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("replcas=3", "additional properties 'replcas' not allowed"),
        ("replicas=1", "minimum: got 1, want 2"),
        ("autoscaling.kind=hpa", "value must be one of"),
        ("settings.DRAIN=1", "does not match pattern"),
    ],
)
def test_wrong_values_are_refused(setting: str, message: str) -> None:
    """The chart refuses unknown keys and impossible values, with the key."""
    with pytest.raises(ManifestError, match=message):
        render_chart(None, "orchard", setting)


SCHEMA_CASES: list[tuple[str, str, Callable[[Manifest], Any]]] = [
    ("Deployment", "replicaz", lambda item: item["spec"].update(replicaz=2)),
    ("Deployment", "is not of type", lambda item: item["spec"].update(minReadySeconds="five")),
    ("CronJob", "'jobTemplate' is a required property", lambda item: item["spec"].pop("jobTemplate")),
    ("ServiceMonitor", "'intervall' was unexpected", lambda item: item["spec"]["endpoints"][0].update(intervall="1s")),
    ("PrometheusRule", "is not valid under any of", lambda item: item["spec"]["groups"][0]["rules"][0].pop("alert")),
    ("PrometheusRule", "does not match", lambda item: item["spec"]["groups"][0]["rules"][0].update({"for": "2 m"})),
]


@pytest.mark.parametrize(("kind", "message", "change"), SCHEMA_CASES)
def test_a_wrong_field_is_found(
    kind: str, message: str, change: Callable[[Manifest], Any], overlays: dict[str, Rendering], tmp_path: Path
) -> None:
    """An unknown, missing or wrong field is named with its object, for each version."""
    rendering = change_object(overlays["production"], kind, change)
    faults = check_schemas(write_renderings([rendering], tmp_path)).faults
    assert len(faults) == 3, faults
    assert all(f"{kind}/tabento" in fault and message in fault for fault in faults), faults


def test_keda_and_knative_are_validated(overlays: dict[str, Rendering], tmp_path: Path) -> None:
    """Wrong fields of a ScaledObject and of a Knative service are found; PORT is the platform's own variable."""
    scaled = change_object(
        overlays["production-keda"],
        "ScaledObject",
        lambda item: item["spec"]["triggers"][1]["metadata"].update(threshold=0.02),
    )
    knative = change_object(
        overlays["serverless"],
        "Service",
        lambda item: item["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "PORT", "value": "1"}),
    )
    faults = check_schemas(write_renderings([scaled, knative], tmp_path), ["1.37"]).faults
    assert any("0.02 is not of type 'string'" in fault for fault in faults), faults
    assert any("'PORT' should not be valid" in fault for fault in faults), faults


def test_an_unknown_custom_resource_needs_a_schema(overlays: dict[str, Rendering], tmp_path: Path) -> None:
    """A custom resource without a schema is a fault: nothing would validate it."""
    rendering = change_object(overlays["production"], "ServiceMonitor", lambda item: item.update(kind="PodMonitor"))
    (fault,) = check_schemas(write_renderings([rendering], tmp_path), ["1.37"]).faults
    assert "no schema for monitoring.coreos.com/v1 PodMonitor; add" in fault


def test_policies_find_an_open_pod(overlays: dict[str, Rendering], tmp_path: Path) -> None:
    """checkov names a privileged container by the id of the policy."""

    def open_container(item: Manifest) -> None:
        item["spec"]["template"]["spec"]["containers"][0]["securityContext"] = {"privileged": True}

    write_renderings([change_object(overlays["staging"], "Deployment", open_container)], tmp_path)
    faults = check_policies(tmp_path).faults
    assert any("CKV_K8S_16" in fault and "Deployment.tabento-staging.tabento" in fault for fault in faults), faults


def test_each_skipped_policy_has_a_reason() -> None:
    """Skipped policies are explained, and they are few."""
    assert all(len(reason) > 40 for reason in SKIPPED_POLICIES.values())
    assert len(SKIPPED_POLICIES) <= 3


def test_a_broken_folder_is_an_error(tmp_path: Path) -> None:
    """A folder without a kustomization is an error with kubectl's text."""
    with pytest.raises(ManifestError, match=r"kustomize .* ended with status 1"):
        render_folder(tmp_path)
