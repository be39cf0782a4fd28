"""The merge of aliases: an alias that moved changes the document, an alias that stayed does not."""

from __future__ import annotations

import pytest

from rollout.document import ModelRollout, RolloutDocument
from rollout.registry.aliases import Aliases
from rollout.registry.merge import merge_aliases
from tests.rollout.documents import TIME, orchard_document

NOW = "2026-11-28T10:00:00Z"


def merge(
    document: RolloutDocument, required: Aliases, before: Aliases | None = None, live: str | None = None
) -> tuple[ModelRollout | None, RolloutDocument, dict[str, Aliases]]:
    """Return the entry of ``orchard``, the document, and the seen aliases after a merge."""
    seen = {} if before is None else {"orchard": before}
    merged, seen_now = merge_aliases(document, {"orchard": required}, seen, lambda _: live, NOW)
    return merged.models.get("orchard"), merged, seen_now


def aliases(champion: str | None = None, challenger: str | None = None) -> Aliases:
    """Return aliases by their versions."""
    return Aliases(champion=champion and f"orchard:{champion}", challenger=challenger and f"orchard:{challenger}")


def test_a_champion_that_moved_takes_over() -> None:
    """A promotion in the registry changes the champion and ends the rollout of the same version."""
    entry, _, seen = merge(orchard_document("2"), aliases("2"), aliases("1", "2"))
    assert entry is not None
    assert (entry.champion, entry.challenger, entry.who, entry.since) == ("orchard:2", None, "registry", NOW)
    assert entry.why == "the alias champion moved to orchard:2; the alias challenger was taken from orchard:2"
    assert seen == {"orchard": aliases("2")}


def test_a_new_challenger_begins_in_the_shadow() -> None:
    """The version of a retraining is tried beside the champion, also in place of an older challenger."""
    for document in (orchard_document(), orchard_document("2", mode="canary")):
        entry, _, _ = merge(document, aliases("1", "3"), aliases("1", "2"))
        assert entry is not None
        assert entry.champion == "orchard:1"
        assert entry.challenger is not None
        assert (entry.challenger.tag, entry.challenger.mode, entry.challenger.step_since) == (
            "orchard:3",
            "shadow",
            NOW,
        )


@pytest.mark.parametrize("required", [aliases("1", "2"), aliases("1"), aliases()])
def test_an_alias_that_stayed_changes_nothing(required: Aliases) -> None:
    """A champion that a command has set, and a challenger that was rolled back, stay as they are."""
    document = orchard_document(champion="orchard:9")
    entry, merged, _ = merge(document, required, required)
    assert merged is document
    assert entry is document.models["orchard"]


def test_a_challenger_of_a_command_stays_if_another_alias_is_taken_away() -> None:
    """Only the version that had the alias loses its rollout with the alias."""
    document = orchard_document("5", mode="canary")
    assert merge(document, aliases("1"), aliases("1", "2"))[1] is document
    entry, _, _ = merge(document, aliases("1"), aliases("1", "5"))
    assert entry is not None
    assert entry.challenger is None


def test_a_running_canary_keeps_its_step_if_its_alias_is_seen_for_the_first_time() -> None:
    """A service whose state was lost does not begin a rollout again that the document has."""
    document = orchard_document("2", mode="canary", step=2)
    entry, merged, seen = merge(document, aliases("1", "2"))
    assert merged is document
    assert entry is not None
    assert entry.since == TIME
    assert seen == {"orchard": aliases("1", "2")}


def test_a_model_that_the_document_does_not_list_gets_its_entry() -> None:
    """The champion is the alias, or the version that answers now; without either the alias waits."""
    empty = RolloutDocument()
    entry, _, _ = merge(empty, aliases("3"), live="orchard:1")
    assert entry == ModelRollout(
        champion="orchard:3", since=NOW, who="registry", why="the alias champion moved to orchard:3"
    )
    entry, _, _ = merge(empty, aliases("1"), live="orchard:1")
    assert entry is not None
    assert (entry.champion, entry.why) == ("orchard:1", "the alias champion is orchard:1")
    entry, _, _ = merge(empty, aliases(None, "2"), live="orchard:1")
    assert entry is not None
    assert entry.challenger is not None
    assert (entry.champion, entry.challenger.tag) == ("orchard:1", "orchard:2")
    assert merge(empty, aliases(None, "2")) == (None, empty, {})


def test_the_challenger_that_is_the_champion_is_not_tried() -> None:
    """Two aliases at one version are one champion."""
    entry, merged, _ = merge(orchard_document(), aliases("4", "4"), aliases("1"))
    assert entry is not None
    assert (entry.champion, entry.challenger) == ("orchard:4", None)
    RolloutDocument.model_validate(merged.model_dump())


def test_other_models_stay() -> None:
    """A merge of many models changes those that moved only."""
    document = orchard_document()
    required = {"orchard": aliases("1"), "pears": Aliases(champion="pears:2")}
    merged, seen = merge_aliases(document, required, {"plums": aliases("1")}, lambda _: None, NOW)
    assert merged.models["orchard"] is document.models["orchard"]
    assert merged.models["pears"].champion == "pears:2"
    assert seen == required | {"plums": aliases("1")}
