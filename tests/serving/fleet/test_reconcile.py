"""The reconciler: versions become live without a lost request, and a version that may not be live is refused by name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rollout.document import Challenger, RolloutDocument, Step, Sticky
from serving.fleet.reconcile import Rollout, reason_of
from serving.live_model import LiveModel
from tabento.bundle.format import MODEL_FILE
from tests.bundles import TREE
from tests.rollout.cascade.object_folders import flip_byte
from tests.rollout.documents import orchard_document
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import on_loop
from tests.serving.fleet.versions import (
    ANSWER,
    CONTRACT,
    VersionedService,
    store_examples,
    store_version,
    versioned_service,
)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[VersionedService]:
    """A running service of ``orchard:v1``."""
    with versioned_service(tmp_path) as service:
        yield service


def _differs(service: VersionedService, part: str) -> str:
    status = service.wait(lambda status: part in (status["differs_because"] or ""), f"a reason with {part!r}")
    return str(status["differs_because"])


def test_a_wanted_champion_takes_over(service: VersionedService) -> None:
    """The wanted version answers all paths, the former one is freed, and the counts say so."""
    assert service.predict() == ("v1", ANSWER)
    service.want("v2")
    service.wait_for_champion("v2")
    for path in ("/predict", "/models/orchard/predict"):
        assert service.predict(path) == ("v2", 2 * ANSWER)
    assert service.application.rollout.counts == {"champion": 1}
    assert service.status()["differs_because"] is None


def test_a_refused_version_is_named_without_folders_for_keys_that_only_read(service: VersionedService) -> None:
    """``GET /models/NAME`` names the file of a damaged bundle without its folder, which the status of admins has; health is degraded."""
    folder = store_version("v9", 9.0)
    flip_byte(folder)
    service.want("v9")
    reason = _differs(service, "was changed after the bundle was sealed")
    assert str(folder) in reason
    public = service.client.get("/models/orchard").json()["rollout"]["differs_because"]
    assert public == reason.replace(f"{folder.parent}/", "")
    components = service.client.get("/health").json()["components"]
    assert components["rollout"]["message"] == "one wanted version is not used; GET /models/NAME has the reason"
    metrics = service.client.get("/metrics").text
    assert 'tabento_rollout_refused{model="orchard",version="v9"} 1' in metrics
    assert service.predict() == ("v1", ANSWER)


def test_a_broken_document_degrades_health_and_sets_a_metric(service: VersionedService) -> None:
    """The metric of the alert is 1 while the document is not used, and 0 after it was repaired."""
    service.want("v1")
    service.wait_for_champion("v1")
    path = service.application.rollout.store.path
    data = path.read_bytes()
    path.write_bytes(data[:20])
    _differs(service, "the rollout document is not used")
    assert service.client.get("/health").json()["components"]["rollout"]["status"] == "degraded"
    assert "tabento_rollout_document_fault 1" in service.client.get("/metrics").text
    path.write_bytes(data)
    service.wait(lambda status: status["differs_because"] is None, "the document to be used again")
    assert service.client.get("/health").json()["components"]["rollout"]["status"] == "healthy"
    assert "tabento_rollout_document_fault 0" in service.client.get("/metrics").text


def test_requests_are_answered_while_versions_change(service: VersionedService) -> None:
    """Requests on kept connections get 200 and the answer of the version that they name, during all changes."""
    stop = threading.Event()
    wrong: list[object] = []
    n_answered = [0, 0]

    def send_requests(number: int) -> None:
        with httpx.Client(base_url=service.address, timeout=30) as client:
            while not stop.is_set():
                # The second way is not plain, and awaits its body.
                headers = {"transfer-encoding": "chunked"} if number else {}
                content = client.build_request("POST", "/predict", json=TREE).content
                response = client.post("/predict", content=iter([content]) if number else content, headers=headers)
                body = response.json()
                if response.status_code != 200 or body["prediction"] != int(body["version"][1]) * ANSWER:
                    wrong.append(body)
                n_answered[number] += 1

    threads = [threading.Thread(target=send_requests, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for version in ("v2", "v3", "v1", "v2"):
        service.want(version)
        service.wait_for_champion(version)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert min(n_answered) > 0


def test_a_request_is_answered_by_the_version_that_accepted_it(service: VersionedService) -> None:
    """A version retires after its last request, which may wait for its batch during the change."""
    former = service.application.state.started_model()
    on_loop(service.loop, lambda: former.batcher.hold(2))
    answers: list[tuple[str, float]] = []
    thread = threading.Thread(target=lambda: answers.append(service.predict()))
    thread.start()
    wait_until(lambda: former.batcher.queued_rows == 1, "the row to wait")
    service.want("v2")
    service.wait(lambda status: status["live"]["champion"] == "orchard:v2", "v2 to answer")
    assert service.status()["live"]["retiring"] == ["orchard:v1"]
    assert service.predict() == ("v2", 2 * ANSWER)
    assert answers == []
    on_loop(service.loop, lambda: former.batcher.hold(1))
    thread.join()
    assert answers == [("v1", ANSWER)]
    service.wait_for_champion("v2")


def test_a_challenger_is_reached_by_its_version(service: VersionedService) -> None:
    """A live challenger without traffic answers the path that names it, and only that one."""
    service.want("v1", Challenger(tag="orchard:v2"))
    service.wait(lambda status: status["live"]["challenger"] == "orchard:v2", "v2 to be a challenger")
    assert service.predict() == ("v1", ANSWER)
    inputs = service.client.get("/v2/models/orchard/versions/v2").json()
    assert inputs["name"] == "orchard"
    service.want("v1")
    service.wait_for_champion("v1")
    assert service.client.get("/v2/models/orchard/versions/v2").status_code == 404


def test_a_challenger_becomes_the_champion_without_a_load(
    service: VersionedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version that was tried is the one that answers afterwards: the same object."""
    service.want("v1", Challenger(tag="orchard:v2"))
    service.wait(lambda status: status["live"]["challenger"] == "orchard:v2", "v2 to be a challenger")
    challenger = service.application.state.challengers["orchard"]

    async def fail(self: Rollout, name: str, tag: str, variant: str) -> LiveModel:
        raise AssertionError(f"{tag} is loaded again")

    monkeypatch.setattr(Rollout, "_load", fail)
    service.want("v2")
    service.wait_for_champion("v2")
    assert service.application.state.models["orchard"] is challenger
    assert challenger.variant == "champion"


def test_a_damaged_version_is_refused(service: VersionedService, tmp_path: Path) -> None:
    """One flipped byte of the graph: the version is refused by the file's name, and the former one stays."""
    path = tmp_path / "home" / "models" / "orchard" / "v2" / MODEL_FILE
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(bytes(data))
    service.want("v2")
    reason = _differs(service, "orchard:v2")
    assert "model.onnx" in reason
    assert "was changed after the bundle was sealed" in reason
    assert service.predict() == ("v1", ANSWER)
    assert service.application.rollout.counts == {"refused": 1}


def test_a_version_that_breaks_requests_is_refused(service: VersionedService) -> None:
    """A contract with a feature less would refuse requests that are answered today."""
    content = CONTRACT.model_dump()
    content["features"] = [feature for feature in content["features"] if feature["name"] != "slope"]
    narrower = type(CONTRACT).model_validate(content)
    examples = {name: value for name, value in TREE.items() if name != "slope"}
    store_examples("v9", narrower, examples)
    service.want("v9")
    reason = _differs(service, "orchard:v9")
    assert "'slope' is not a field any more" in reason
    assert service.predict() == ("v1", ANSWER)


def test_a_missing_version_is_tried_again(service: VersionedService, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that no source has yet is named, and becomes live as soon as it is there."""
    monkeypatch.setattr("serving.fleet.reconcile.FIRST_RETRY_S", 0.05)
    service.want("v8")
    assert "It is tried again" in _differs(service, "orchard:v8")
    store_version("v8", 8.0)
    service.wait_for_champion("v8")
    assert service.predict() == ("v8", 8 * ANSWER)


def test_a_removed_challenger_leaves_while_another_version_loads(service: VersionedService) -> None:
    """A new document replaces the work for the former one."""
    steps = (Step(share=1.0),)
    service.want("v1", Challenger(tag="orchard:v2", mode="canary", steps=steps))
    service.wait(lambda status: status["live"]["challenger"] == "orchard:v2", "v2 to be a challenger")
    service.want("v3", Challenger(tag="orchard:v1"))
    service.wait(
        lambda status: status["live"] == {"champion": "orchard:v3", "challenger": "orchard:v1", "retiring": []},
        "v3 and v1 to be live",
    )
    assert service.predict() == ("v3", 3 * ANSWER)


def test_a_changed_plan_that_is_not_possible_is_named(service: VersionedService) -> None:
    """The challenger loses its traffic, and the state of the model says why."""
    steps = (Step(share=0.5),)
    service.want("v1", Challenger(tag="orchard:v2", mode="canary", steps=steps))
    service.wait(lambda status: status["trial"] is not None, "the trial")
    sticky = Sticky(by="field", name="weight")
    service.want("v1", Challenger(tag="orchard:v2", mode="canary", steps=steps, sticky=sticky))
    reason = _differs(service, "the challenger has no traffic")
    assert "'weight'" in reason
    assert {service.predict()[0] for _ in range(10)} == {"v1"}


def test_a_promotion_during_a_drain_frees_no_version_that_answers(service: VersionedService) -> None:
    """A drain may begin after the document has changed and before the reconciler acts: the challenger still answers."""
    service.want("v1", Challenger(tag="orchard:v2"))
    service.wait(lambda status: status["live"]["challenger"] == "orchard:v2", "v2 to be a challenger")
    rollout, state = service.application.rollout, service.application.state
    challenger = state.challengers["orchard"]

    def promote_and_drain() -> None:
        rollout.follow(orchard_document(champion="orchard:v2"))
        state.start_draining()

    on_loop(service.loop, promote_and_drain)
    task = rollout._tasks["orchard"][1]
    wait_until(task.done, "the reconciler to act")
    assert on_loop(service.loop, lambda: challenger.served.session.run_bytes(challenger.served.example_row, 1))
    assert state.challengers["orchard"] is challenger


def test_the_state_of_a_model_needs_no_list_of_all_models(
    service: VersionedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document may list 10,000 models that are not loaded: the state of each costs the same as with few."""
    state = service.application.state
    monkeypatch.setattr(state, "known_names", lambda: pytest.fail("all names are listed"))
    entry = orchard_document().models["orchard"]
    rollout = service.application.rollout
    monkeypatch.setattr(
        rollout, "document", RolloutDocument(models={"cherry": entry.model_copy(update={"champion": "cherry:v1"})})
    )
    assert rollout.status("cherry")["differs_because"] == "the service does not serve this model"
    assert state.knows("orchard")
    assert not state.knows("cherry")


def test_a_document_about_another_model_changes_nothing(service: VersionedService) -> None:
    """A model that the service does not serve is named in its state."""
    assert service.application.rollout.status("pears") == {
        "wanted": None,
        "live": {"champion": None, "challenger": None, "retiring": []},
        "differs_because": None,
        "trial": None,
    }


def test_a_timeout_is_named_by_its_setting() -> None:
    """An error without words gets words."""
    assert "rollout_load_timeout_s" in reason_of(TimeoutError())
    assert reason_of(OSError("disk full")) == "OSError: disk full"
