"""Trials in a running service: split traffic, shadow, rollback, report and metrics, over real connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollout.document import Challenger, Limits, Step, Sticky
from tabento.keys.key_file import format_keys
from tabento.keys.record import SCOPES
from tests.bundles import TREE
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import on_loop
from tests.serving.fleet.versions import ANSWER, VersionedService, versioned_service
from tests.serving.guards.key_records import new_key

USERS = [f"user-{index}" for index in range(30)]
N_REQUESTS = 150


@pytest.fixture
def service(tmp_path: Path) -> Iterator[VersionedService]:
    """A running service of ``orchard:v1``; the answers of ``v4`` are negative, and ``v5`` is equal to ``v1``."""
    scales = {"v1": 1.0, "v2": 2.0, "v4": -1.0, "v5": 1.0}
    secret, record = new_key("operator", scopes=SCOPES)
    keys = tmp_path / "keys.yaml"
    keys.write_bytes(format_keys((record,)))
    keys.chmod(0o600)
    with versioned_service(tmp_path, scales, api_keys_file=keys) as service:
        service.client.headers["x-api-key"] = secret
        yield service


def _try(service: VersionedService, version: str, **properties: Any) -> None:
    service.want("v1", Challenger(tag=f"orchard:{version}", **properties))
    service.wait(lambda status: status["trial"] is not None, "the trial to begin")


def _report(service: VersionedService) -> dict[str, Any]:
    answer = service.client.get("/admin/rollout/report", params={"model": "orchard"})
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()["reports"][0]
    return report


def _metric(service: VersionedService, line: str) -> float | None:
    text = service.client.get("/metrics").text
    return next((float(item.split()[-1]) for item in text.splitlines() if item.startswith(line)), None)


def test_users_keep_their_version(service: VersionedService) -> None:
    """A canary by header splits users, not requests: each keeps its version on every path and in any letter case of the header."""
    _try(service, "v2", mode="canary", steps=(Step(share=0.5),), sticky=Sticky(by="header", name="X-User"))
    versions = {user: service.predict(headers={"x-user": user})[0] for user in USERS}
    assert set(versions.values()) == {"v1", "v2"}
    for user, version in versions.items():
        assert service.predict("/models/orchard/predict", headers={"X-USER": user})[0] == version
        rows = service.client.post("/predict/batch", json={"instances": [TREE]}, headers={"x-user": user, "expect": ""})
        assert rows.json()["version"] == version
    arms = _report(service)["arms"]
    n_challenger = list(versions.values()).count("v2")
    assert arms["challenger"]["requests"] == 3 * n_challenger
    assert arms["champion"]["requests"] == 3 * (len(USERS) - n_challenger)
    assert sum(arms["challenger"]["answers"]["prediction"].values()) == n_challenger, "one answer of each user"


def test_a_field_of_the_row_decides(service: VersionedService) -> None:
    """A canary by a feature decides after the rows were decoded, and the chosen version answers."""
    _try(service, "v2", mode="canary", steps=(Step(share=0.5),), sticky=Sticky(by="field", name="age"))
    versions = {}
    for age in range(1, 40):
        answers = [service.client.post("/predict", json={**TREE, "age": age, "height": height}) for height in (2, 3)]
        answering = {answer.json()["version"] for answer in answers}
        assert len(answering) == 1
        versions[age] = answering.pop()
    assert set(versions.values()) == {"v1", "v2"}
    spelled = service.client.post(
        "/predict", content=b'{ "age" : 1e0, ' + _rest(), headers={"content-type": "application/json"}
    )
    assert spelled.json()["version"] == versions[1], "the careful decoder's rows decide equally"


@pytest.mark.slow
def test_the_whole_traffic_goes_to_the_last_step(service: VersionedService) -> None:
    """At a share of 100% every request gets the challenger; after an abort every request gets the champion again."""
    _try(service, "v2", mode="canary", steps=(Step(share=1.0),))
    assert {service.predict()[0] for _ in range(5)} == {"v2"}
    service.want("v1")
    service.wait_for_champion("v1")
    assert service.predict() == ("v1", ANSWER)


def test_the_shadow_is_compared_and_no_client_sees_it(service: VersionedService) -> None:
    """All clients get the champion's answers; the report has the differences, the worst rows, and a page for people."""
    _try(service, "v2", limits=Limits(differing_share=None))
    for _ in range(50):
        answer = service.client.post("/predict", json=TREE, headers={"x-request-id": "shadowed-1"})
        assert (answer.json()["version"], answer.json()["prediction"]) == ("v1", ANSWER)
    wait_until(lambda: _report(service)["shadow"]["compared_rows"] == 50, "all rows to be compared")
    report = _report(service)
    assert report["shadow"]["differing_rows"] == 50
    assert report["shadow"]["worst_rows"][0] == {
        "difference": 0.5,
        "request_id": "shadowed-1",
        "row": 0,
        "champion": f"{ANSWER:.6g}",
        "challenger": f"{2 * ANSWER:.6g}",
    }
    assert report["arms"]["challenger"]["errors"] == 0
    page = service.client.get("/admin/rollout/report", params={"format": "html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "shadowed-1" in page.text
    assert _metric(service, 'tabento_rollout_shadow_rows_total{model="orchard",result="compared",version="v2"}') == 50


def test_a_version_with_other_answers_is_rolled_back(service: VersionedService) -> None:
    """A canary whose answers differ loses its traffic by itself; document, metrics and status say why."""
    limits = Limits(min_requests=20)
    _try(service, "v4", mode="canary", steps=(Step(share=0.5),), sticky=Sticky(by="request"), limits=limits)
    for _ in range(N_REQUESTS):
        service.predict()
    service.wait_for_champion("v1")
    assert service.predict() == ("v1", ANSWER)
    entry = service.application.rollout.store.read().models["orchard"]
    assert entry.challenger is None
    assert entry.who == "judge"
    assert "Answers of 'prediction'" in entry.why
    assert _metric(service, 'tabento_rollout_rolled_back{limit="answers",model="orchard",version="v4"}') == 1
    assert _metric(
        service, 'tabento_rollout_requests_total{model="orchard",result="answered",variant="challenger",version="v4"}'
    )


@pytest.mark.slow
def test_an_equal_version_takes_its_steps(service: VersionedService) -> None:
    """An equal canary goes from step to step by itself, and waits for a person after the last one."""
    limits = Limits(min_requests=10)
    steps = (Step(share=0.5, hold_s=0), Step(share=1.0, hold_s=0))
    _try(service, "v5", mode="canary", steps=steps, sticky=Sticky(by="request"), limits=limits, promote="automatic")

    def at_last_step() -> bool:
        for _ in range(20):
            service.predict()
        return bool(service.status()["trial"]["step"] == 1)

    wait_until(at_last_step, "the last step")
    for _ in range(30):
        service.predict()
    trials = service.application.trials
    assert trials is not None
    wait_until(
        lambda: on_loop(service.loop, lambda: trials.running["orchard"].status()["requests"]) is not None, "a verdict"
    )
    assert service.application.rollout.store.read().models["orchard"].champion == "orchard:v1"
    assert _metric(service, 'tabento_rollout_step{model="orchard",version="v5"}') == 1


@pytest.mark.slow
def test_a_key_that_does_not_exist_is_refused_with_its_name(service: VersionedService) -> None:
    """A canary by a field that the contract does not have gets no traffic, and the status names the field."""
    sticky = Sticky(by="field", name="weight")
    service.want("v1", Challenger(tag="orchard:v2", mode="canary", steps=(Step(share=0.5),), sticky=sticky))
    service.wait(lambda status: "'weight'" in (status["differs_because"] or ""), "the reason")
    assert {service.predict()[0] for _ in range(10)} == {"v1"}


def test_a_service_without_a_trial_has_no_report(service: VersionedService) -> None:
    """A model without a challenger has no report, its page says so, and a wrong format is named."""
    assert service.client.get("/admin/rollout/report").json()["reports"] == []
    answer = service.client.get("/admin/rollout/report", params={"model": "orchard"})
    assert (answer.status_code, "tabento rollout start" in answer.text) == (404, True)
    assert "No challenger" in service.client.get("/admin/rollout/report", params={"format": "html"}).text
    assert service.client.get("/admin/rollout/report", params={"format": "pdf"}).status_code == 422


def _rest() -> bytes:
    return json.dumps({name: value for name, value in TREE.items() if name != "age"})[1:].encode()
