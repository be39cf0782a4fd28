"""The aliases of a registry, asked over HTTP: right answers, wrong answers, and no answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rollout.registry import client as client_module
from rollout.registry.aliases import FEW_NAMES, Aliases, PolledAliases, RegistryAliases
from rollout.registry.client import RegistryClient, RegistryUnavailableError
from tabento.remote.breakers import forget_breakers
from tests.rollout.cascade.silent_server import silent_server
from tests.rollout.registry.registry_double import RegistryDouble, running_registry


@pytest.fixture
def registry() -> Iterator[RegistryDouble]:
    """A registry with two versions of the model ``orchard``, and a model of somebody else."""
    with running_registry() as double:
        double.register("orchard", 1, "champion")
        double.register("orchard", 2, "challenger", "best_of_2026")
        double.register("pears", 7, "champion")
        yield double
    forget_breakers()


@pytest.fixture
def aliases(registry: RegistryDouble) -> Iterator[RegistryAliases]:
    """The aliases of the registry."""
    client = RegistryClient(registry.url, "s3cret")
    yield RegistryAliases(client)
    client.close()


def test_aliases_are_the_tags_of_bundles(registry: RegistryDouble, aliases: RegistryAliases) -> None:
    """Champion and challenger are answered by their bundles; other aliases and models that are not registered are left out."""
    polled = aliases.poll({"orchard", "plums"})
    assert polled == PolledAliases({"orchard": Aliases(champion="orchard:v1", challenger="orchard:v2")})
    assert {headers["authorization"] for headers in registry.headers} == {"Bearer s3cret"}
    registry.aliases["orchard"].clear()
    assert aliases.poll({"orchard"}).aliases == {"orchard": Aliases()}


def test_a_version_is_asked_for_once(registry: RegistryDouble, aliases: RegistryAliases) -> None:
    """The second poll asks for the aliases only; a model that was created again has other versions."""
    aliases.poll({"orchard"})
    registry.questions.clear()
    aliases.poll({"orchard"})
    assert registry.questions == ["registered-models/get?name=orchard"]
    registry.created, registry.bundles["orchard", 1] = 2, "orchard:other"
    assert aliases.poll({"orchard"}).aliases["orchard"].champion == "orchard:other"


def test_an_answer_that_has_not_changed_is_not_sent_again(registry: RegistryDouble, aliases: RegistryAliases) -> None:
    """A server with ETags answers 304, which stands for the former answer; a moved alias is noticed."""
    registry.sends_etags = True
    first = aliases.poll({"orchard"})
    registry.statuses.clear()
    assert aliases.poll({"orchard"}) == first
    assert registry.statuses == [304]
    registry.register("orchard", 3, "champion")
    assert aliases.poll({"orchard"}).aliases["orchard"].champion == "orchard:v3"


def test_many_models_are_read_page_by_page(registry: RegistryDouble, aliases: RegistryAliases) -> None:
    """More names than a few cost one question for each page, and none for versions that the page has."""
    names = {f"m{index:02}" for index in range(FEW_NAMES + 5)}
    for name in names:
        registry.register(name, 1, "champion")
    registry.page, registry.shows_latest = 10, True
    polled = aliases.poll(names)
    assert polled.aliases == {name: Aliases(champion=f"{name}:v1") for name in names}
    assert len(registry.questions) == 3
    assert all(question.startswith("registered-models/search") for question in registry.questions)


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        (None, "orchard/1, the champion, has no tag `bundle`"),
        ("pears:v1", "orchard/1, the champion, names the bundle 'pears:v1': expected orchard:VERSION"),
        ("orchard:../../etc", "expected orchard:VERSION"),
        ("orchard:latest version", "expected orchard:VERSION"),
    ],
)
def test_a_version_that_is_not_a_bundle_is_a_fault_of_its_model(
    registry: RegistryDouble, aliases: RegistryAliases, bundle: str | None, message: str
) -> None:
    """The model keeps its versions, the reason is named, and other models are not affected."""
    registry.bundles["orchard", 1] = bundle
    for registry.shows_latest in (False, True):
        polled = aliases.poll({"orchard", "pears"})
        assert list(polled.aliases) == ["pears"]
        assert message in polled.faults["orchard"]
    del registry.bundles["orchard", 1]
    assert "orchard/1, the champion, was deleted" in aliases.poll({"orchard"}).faults["orchard"]


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ((500, b"{}"), "answered 500"),
        ((302, b""), "answered 302"),
        ((401, b"{}"), "answered 401: check `rollout_registry_token`"),
        ((404, b"<html>not found</html>"), "answered 404"),
        ((200, b"<html>welcome</html>"), "is the address that of an MLflow server"),
        ((200, b"[1]"), "is the address that of an MLflow server"),
        ((200, b'{"registered_model": {"aliases": 1}}'), "is the address that of an MLflow server"),
        ((200, b"[" * 100_000), "is the address that of an MLflow server"),
        ((200, b" " * 10_001), "answered more than 10000 bytes"),
    ],
)
def test_a_wrong_answer_is_named(
    registry: RegistryDouble,
    aliases: RegistryAliases,
    monkeypatch: pytest.MonkeyPatch,
    failure: tuple[int, bytes],
    message: str,
) -> None:
    """An error, a redirect, another server's page and an answer without end are faults of the registry."""
    monkeypatch.setattr(client_module, "MAX_ANSWER_BYTES", 1_000_000 if len(failure[1]) == 100_000 else 10_000)
    registry.failure = failure
    with pytest.raises(RegistryUnavailableError, match=message):
        aliases.poll({"orchard"})
    registry.failure = None
    assert aliases.poll({"orchard"}).aliases["orchard"].champion == "orchard:v1"


def test_a_registry_that_fails_again_and_again_is_left_alone(
    registry: RegistryDouble, aliases: RegistryAliases
) -> None:
    """After five failures the breaker opens, and no more questions are sent."""
    registry.failure = (503, b"")
    for _ in range(6):
        with pytest.raises(RegistryUnavailableError):
            aliases.poll({"orchard"})
    assert len(registry.questions) == 5
    with pytest.raises(
        RegistryUnavailableError, match=r"is not asked for .* after 5 failures; the last: .* answered 503"
    ):
        aliases.poll({"orchard"})


def test_a_registry_that_hangs_is_given_up(registry: RegistryDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers, and an answer that never ends, are given up after their time."""
    monkeypatch.setattr(client_module, "TIMEOUT_S", 0.05)
    with silent_server() as address, pytest.raises(RegistryUnavailableError, match="does not answer: ReadTimeout"):
        RegistryAliases(RegistryClient(address)).poll({"orchard"})
    monkeypatch.setattr(client_module, "ANSWER_TIMEOUT_S", 0.0)
    with pytest.raises(RegistryUnavailableError, match="did not finish its answer within 0 s"):
        RegistryAliases(RegistryClient(registry.url)).poll({"orchard"})


def test_a_registry_that_is_gone_is_named_without_its_password(registry: RegistryDouble) -> None:
    """A user and a password in the address are sent, and appear in no message."""
    address = registry.url.replace("//", "//ada:pa55word@")
    RegistryAliases(RegistryClient(address)).poll({"orchard"})
    assert registry.headers[-1]["authorization"].startswith("Basic ")
    stopped_registry = RegistryAliases(RegistryClient("http://ada:pa55word@127.0.0.1:1"))
    with pytest.raises(RegistryUnavailableError, match=r"the registry http://127\.0\.0\.1:1 does not answer") as error:
        stopped_registry.poll({"orchard"})
    assert "pa55word" not in str(error.value)
