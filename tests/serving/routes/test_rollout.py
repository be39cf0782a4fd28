"""The admin routes of the rollout: changes with a key of the scope admin, stale revisions, faults of the document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rollout.document import RolloutDocument
from rollout.store import DocumentStore, open_store
from serving.routes.rollout_paths import HISTORY_PATH, PATH, REPORT_PATH
from serving.settings import ServingSettings
from tabento.keys.key_file import format_keys
from tabento.remote.service_client import ServiceClient
from tests.rollout.documents import full_disk, make_read_only, orchard_document, orchard_entry, write
from tests.servers import wait_until
from tests.serving.fastpath.raw_client import RawClient, application_of, serving
from tests.serving.guards.key_records import new_key

START = {"action": "start", "tag": "orchard:v2", "mode": "canary", "who": "anna", "why": "new season"}


class Answer(NamedTuple):
    """The answer of a route."""

    status: int
    content: dict[str, Any]
    head: str

    @property
    def message(self) -> str:
        """The message of an error."""
        message: str = self.content["error"]["message"]
        return message


class Service(NamedTuple):
    """A running service with the keys of an administrator and of a caller."""

    address: str
    admin: str
    caller: str
    store: DocumentStore

    def ask(
        self, method: str, content: object = None, path: str = PATH, secret: str | None = None, **headers: str
    ) -> Answer:
        """Return the answer to a request with the administrator's key, or another one."""
        body = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {secret or self.admin}\r\n{lines}"
        with RawClient(self.address) as client:
            client.send(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            answer = client.answer()
        head, _, text = answer.decode().partition("\r\n\r\n")
        return Answer(int(head.split(" ")[1]), json.loads(text), head)

    def post(self, content: object = None, **changes: Any) -> Answer:
        """Return the answer to a change."""
        return self.ask("POST", START | changes if content is None else content)


@contextmanager
def running_service(folder: Path, **options: Any) -> Iterator[Service]:
    """Start a service with a document of its own."""
    admin, admin_record = new_key("ops", scopes=["admin"])
    caller, caller_record = new_key("caller", scopes=["predict", "read"])
    keys = folder / "keys.json"
    keys.write_bytes(format_keys((admin_record, caller_record)))
    with pytest.MonkeyPatch.context() as patch:
        # The variable of the whole test run would win over an argument.
        patch.setenv("TABENTO_ROLLOUT_FOLDER", str(folder / "rollout"))
        settings = ServingSettings(slo_p99_ms=60_000, api_keys_file=keys, rollout_poll_s=0.05, **options)
    with serving(application_of(folder, settings)) as address:
        yield Service(address, admin, caller, open_store(settings))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service without a document."""
    with running_service(tmp_path) as service:
        yield service


@pytest.fixture(scope="module")
def refusing_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for requests that change nothing."""
    with running_service(tmp_path_factory.mktemp("refusing")) as service:
        yield service


def test_only_a_key_with_the_scope_admin_is_answered(refusing_service: Service) -> None:
    """A caller's key is refused on every route of the rollout."""
    service = refusing_service
    assert service.ask("GET", secret=service.caller).status == 403
    assert service.ask("POST", START, secret=service.caller).status == 403
    assert service.ask("GET", path=HISTORY_PATH, secret=service.caller).status == 403
    assert service.store.read() == RolloutDocument()


def test_a_rollout_starts_steps_and_is_aborted(service: Service) -> None:
    """Each change has the next revision, and the history tells who made it with which key, when and why."""
    started = service.post()
    assert started.status == 200, started.content
    assert 'etag: "1-' in started.head
    entry = started.content["document"]["models"]["orchard"]
    assert (entry["champion"], entry["challenger"]["tag"]) == ("orchard:v1", "orchard:v2")
    assert entry["who"] == "anna (key ops-1)"

    stepped = service.post({"action": "step", "model": "orchard", "revision": 1})
    assert stepped.content["document"]["models"]["orchard"]["challenger"]["step"] == 1
    assert service.post({"action": "abort", "model": "orchard", "why": "line 1\nline 2"}).status == 200

    changes = service.ask("GET", path=HISTORY_PATH).content["changes"]
    assert [(change["what"], change["revision"], change["who"], change["why"]) for change in changes] == [
        ("abort", 3, "key ops-1", "line 1 line 2"),
        ("step", 2, "key ops-1", ""),
        ("start", 1, "anna (key ops-1)", "new season"),
    ]
    assert service.ask("GET", path=f"{HISTORY_PATH}?model=orchard&limit=1").content["changes"] == changes[:1]
    assert service.ask("GET", path=f"{HISTORY_PATH}?model=pear").content["changes"] == []


def test_the_state_of_the_models_names_a_version_that_is_missing(service: Service) -> None:
    """A version that no source has is wanted and not live, and the answer has the reason."""
    service.post()

    def reason() -> str:
        return str(service.ask("GET", path=f"{PATH}?model=orchard").content["models"]["orchard"]["differs_because"])

    wait_until(lambda: "orchard:v2" in reason(), "the reason why the challenger is not live")
    state = service.ask("GET").content["models"]["orchard"]
    assert state["live"]["champion"] == "orchard:v1"
    assert state["live"]["challenger"] is None


def test_one_of_two_admins_at_once_is_refused(service: Service) -> None:
    """Two changes from one revision: one gets 200, the other 409 with the present revision, and 412 by If-Match."""
    service.post()
    bodies = [{"action": action, "model": "orchard", "revision": 1} for action in ("step", "abort")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(service.post, bodies))

    assert sorted(answer.status for answer in answers) == [200, 409]
    refusal = next(answer for answer in answers if answer.status == 409)
    assert refusal.content["error"]["code"] == "conflict"
    assert "the revision 2, but the change starts from 1" in refusal.message
    by_tag = service.ask("POST", {"action": "abort", "model": "orchard"}, if_match='"1"')
    assert (by_tag.status, by_tag.content["error"]["code"]) == (412, "precondition_failed")
    assert service.ask("POST", {"action": "abort", "model": "orchard"}, if_match="abc").status == 422


def test_a_hand_made_change_of_the_same_revision_is_noticed_by_its_tag(service: Service) -> None:
    """A file that was edited without another revision has another ETag, so a change of its former content is refused."""
    tag = re.search(r"etag: (\S+)", service.post().head)
    assert tag is not None
    text = service.store.path.read_text().replace("new season", "by hand")
    write(service.store, text)

    abort = {"action": "abort", "model": "orchard"}
    refusal = service.ask("POST", abort, if_match=tag[1])
    assert (refusal.status, "was edited" in refusal.message) == (412, True)
    present_tag = re.search(r"etag: (\S+)", service.ask("GET").head)
    assert present_tag is not None
    assert service.ask("POST", abort, if_match=present_tag[1]).status == 200


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"{", 422, "Expected a change of the rollout"),
        ({"action": "start"}, 422, "start.tag: Field required"),
        ({"action": "begin", "tag": "orchard:v2"}, 422, "'start', 'step', 'promote', 'abort', 'champion'"),
        (START | {"share": 0.1}, 422, "Extra inputs are not permitted"),
        (START | {"steps": [{"share": 0}]}, 422, "greater than 0"),
        (
            START | {"tag": "pear:1"},
            422,
            "This service has no model 'pear'; it has orchard. Add it to the setting `models`.",
        ),
        (START | {"tag": "../orchard:v2"}, 422, "start.tag: expected NAME:VERSION, such as"),
        (START | {"tag": "orchard:v1"}, 409, "is the champion of orchard already"),
        (START | {"steps": [{"share": 0.5}, {"share": 0.1}]}, 409, "must not fall"),
        (START | {"promote": "automatic"}, 409, "rollout_approval"),
        ({"action": "step", "model": "orchard"}, 409, "does not list 'orchard'"),
        ({"action": "champion", "model": "orchard"}, 409, "knows no former champion"),
        ({"action": "champion"}, 422, "expected either `tag`"),
        (b'{"action": "abort", "model": "orchard", "why": "' + b"x" * 70_000 + b'"}', 413, "the limit is"),
    ],
)
def test_a_change_that_is_not_possible_is_refused_with_a_remedy(
    refusing_service: Service, content: object, status: int, message: str
) -> None:
    """A wrong change has the status of its fault, and the document stays as it was."""
    service = refusing_service
    answer = service.post(content)

    assert answer.status == status
    assert message in answer.message
    assert service.store.read() == RolloutDocument()


def test_a_whole_document_is_replaced(service: Service) -> None:
    """PUT replaces the document of its revision; changed entries get the key and the reason of the headers."""
    service.post()
    document = service.ask("GET").content["document"]
    document["models"]["orchard"]["challenger"]["mode"] = "shadow"

    answer = service.ask("PUT", document, x_rollout_who="ben", x_rollout_why="too early")

    entry = answer.content["document"]["models"]["orchard"]
    assert (answer.status, entry["challenger"]["mode"]) == (200, "shadow")
    assert (entry["who"], entry["why"]) == ("ben (key ops-1)", "too early")
    assert service.ask("PUT", document).status == 409
    pear = orchard_entry(champion="orchard:1").model_copy(update={"champion": "pear:1"})
    unknown = {"revision": 2, "models": {"pear": pear.model_dump()}}
    assert "no model 'pear'" in service.ask("PUT", unknown).message
    assert service.ask("PUT", {"revision": 2, "modles": {}}).status == 422
    document["revision"] = 2
    document["models"]["orchard"]["challenger"]["promote"] = "automatic"
    assert "automatic promotion" in service.ask("PUT", document).message


def test_a_broken_document_is_named_and_never_overwritten(service: Service) -> None:
    """A document that somebody broke is a fault in every answer, and changes are refused until it is repaired."""
    service.post()
    wait_until(lambda: service.ask("GET").content["models"]["orchard"]["wanted"] is not None, "the document")
    write(service.store, '{"format": 1, "modles": {}}')

    wait_until(lambda: service.ask("GET").content["faults"] != [], "the fault")
    state = service.ask("GET").content
    assert "modles" in state["faults"][0]
    assert state["document"]["models"]["orchard"]["champion"] == "orchard:v1"
    answer = service.post({"action": "abort", "model": "orchard"})
    assert answer.status == 409
    assert "Repair it" in answer.message
    assert service.store.path.read_text() == '{"format": 1, "modles": {}}'


def test_a_read_only_document_is_changed_at_its_source(service: Service) -> None:
    """A change of a document that cannot be written is refused with the reason."""
    write(service.store, orchard_document("v2", champion="orchard:v1").model_dump_json())
    make_read_only(service.store)

    answer = service.post({"action": "abort", "model": "orchard"})

    assert answer.status == 409
    assert "Change a mounted file at its source" in answer.message


def test_a_full_disk_is_named_and_the_document_stays(service: Service) -> None:
    """A change that cannot be written is refused with the reason, and the next one is made."""
    service.post()
    with full_disk():
        answer = service.post({"action": "abort", "model": "orchard"})

    assert answer.status == 409
    assert "It is unchanged; check the disk" in answer.message
    assert service.post({"action": "abort", "model": "orchard", "revision": 1}).status == 200


def test_a_model_that_left_the_service_can_be_removed(service: Service) -> None:
    """A document that lists a model which the service does not have any more names it, and forget removes it."""
    pear = orchard_entry().model_copy(update={"champion": "pear:1"})
    write(service.store, RolloutDocument(models={"pear": pear}).model_dump_json())
    wait_until(lambda: service.ask("GET").content["models"]["pear"]["wanted"] is not None, "the document")

    assert "does not serve this model" in service.ask("GET").content["models"]["pear"]["differs_because"]
    answer = service.post({"action": "forget", "model": "pear", "why": "gone"})
    assert (answer.status, answer.content["document"]["models"]) == (200, {})


def test_the_report_is_json_or_a_page(refusing_service: Service) -> None:
    """Without a trial the report is empty; as a page it loads nothing from elsewhere."""
    service = refusing_service
    assert service.ask("GET", path=REPORT_PATH).content == {"reports": []}
    assert service.ask("GET", path=f"{REPORT_PATH}?model=pear").status == 404
    assert service.ask("GET", path=f"{REPORT_PATH}?format=pdf").status == 422
    client = ServiceClient(service.address, service.admin)
    assert b"No challenger is tried" in client.get_bytes(REPORT_PATH, {"format": "html", "model": None})


def test_the_document_lists_the_routes_if_there_are_keys(refusing_service: Service) -> None:
    """The OpenAPI document has the routes with schemas that need no other document."""
    paths = refusing_service.ask("GET", path="/docs.json", secret=refusing_service.caller).content["paths"]
    assert {*paths[PATH]} == {"get", "post", "put"}
    assert {*paths[HISTORY_PATH], *paths[REPORT_PATH]} == {"get"}
    assert "$defs" not in json.dumps(paths[PATH])


def test_a_repeated_or_wrong_parameter_is_refused(refusing_service: Service) -> None:
    """A parameter that readers could take in two ways, a wrong limit and an unknown model are errors."""
    service = refusing_service
    assert service.ask("GET", path=f"{PATH}?model=orchard&model=pear").status == 422
    assert service.ask("GET", path=f"{HISTORY_PATH}?limit=0").status == 422
    assert service.ask("GET", path=f"{PATH}?model=pear").status == 404
    assert service.ask("DELETE").status == 405
