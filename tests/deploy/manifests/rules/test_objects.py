"""Quantities, selectors and pods of manifests are read as Kubernetes reads them."""

from __future__ import annotations

import pytest

from deploy.manifests.rules.objects import environment_of, find_pods, is_selected, of_kind, parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [("512Mi", 2.0**29), ("500m", 0.5), (2, 2.0), ("1.5Gi", 1.5 * 2**30), ("3k", 3000.0), ("0", 0.0)],
)
def test_quantities(text: str, number: float) -> None:
    """Units are powers of 1000 or 1024."""
    assert parse_quantity(text) == number


@pytest.mark.parametrize("text", ["", "12 Mi", "5mi", "-1", "1e3x"])
def test_a_wrong_quantity_is_refused(text: str) -> None:
    """The error has the text and examples."""
    with pytest.raises(ValueError, match="is not a quantity; expected a number with a unit such as 512Mi"):
        parse_quantity(text)


def test_selectors() -> None:
    """All labels of a selector must be equal; an empty selector selects everything, and expressions are not read."""
    labels = {"a": "1", "b": "2"}
    assert is_selected({"matchLabels": {"a": "1"}}, labels)
    assert not is_selected({"matchLabels": {"a": "1", "b": "3"}}, labels)
    assert is_selected({}, {})
    with pytest.raises(ValueError, match="write matchLabels"):
        is_selected({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, labels)


def test_pods_of_each_kind() -> None:
    """Deployments, jobs, cron jobs and Knative services have pods; a Service has none, and Knative's kind is not a Service."""
    template = {"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [{"name": "x"}]}}
    objects = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"template": template}},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "j-"}, "spec": {"template": template}},
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "c"},
            "spec": {"jobTemplate": {"spec": {"template": template}}},
        },
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": []}},
        {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": "k"},
            "spec": {"template": {"spec": {"containers": []}}},
        },
    ]
    assert [pod.owner for pod in find_pods(objects)] == ["Deployment/d", "Job/j-", "CronJob/c", "Service/k"]
    assert [item["metadata"]["name"] for item in of_kind(objects, "Service")] == ["s"]


def test_variables_without_a_value_are_omitted() -> None:
    """A variable from a Secret has no value in the manifest."""
    container = {"env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "x"}}}]}
    assert environment_of(container) == {"A": "1"}
