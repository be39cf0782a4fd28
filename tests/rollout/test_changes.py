"""The changes of the rollout document: each makes the expected entry, or is refused with a remedy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rollout.automatic_changes import advance, promote_after_last_step, roll_back
from rollout.changes import (
    Author,
    Start,
    abort,
    forget,
    one_line,
    promote,
    replace_all,
    set_champion,
    share_text,
    start,
    step,
)
from rollout.document import RolloutDocument, Step, read_document
from rollout.errors import RefusedChangeError
from tests.rollout.documents import orchard_document, orchard_entry

AUTHOR = Author("ben", "checked", "2026-11-28T10:00:00Z")
CANARY = orchard_document("2", mode="canary")
LAST_STEP = orchard_document("2", mode="canary", step=3)
SHADOW = orchard_document("2")
ALONE = orchard_document()
EMPTY = RolloutDocument()


def test_a_start_signs_the_entry_and_begins_at_the_first_step() -> None:
    """The challenger begins at step 0 at the time of the change; other models stay as they are."""
    pear = orchard_entry().model_copy(update={"champion": "pear:1"})
    document = ALONE.model_copy(update={"models": {**ALONE.models, "pear": pear}})

    changed = start(document, Start("orchard:2", mode="canary"), AUTHOR)

    entry = changed.models["orchard"]
    assert entry.challenger is not None
    assert (entry.champion, entry.challenger.tag, entry.challenger.share) == ("orchard:1", "orchard:2", 0.01)
    assert (entry.since, entry.who, entry.why, entry.challenger.step_since) == (
        AUTHOR.time,
        "ben",
        "checked",
        AUTHOR.time,
    )
    assert changed.models["pear"] == pear
    assert read_document(changed.model_dump_json(), "the result") == changed


def test_a_challenger_in_the_shadow_continues_as_a_canary() -> None:
    """The same version may begin in the other mode."""
    changed = start(SHADOW, Start("orchard:2", mode="canary"), AUTHOR)

    challenger = changed.models["orchard"].challenger
    assert challenger is not None
    assert challenger.mode == "canary"


def test_a_step_goes_on_and_back() -> None:
    """A step goes to the next share, or to any other one, and its time begins again."""
    second = step(CANARY, "orchard", AUTHOR)
    challenger = second.models["orchard"].challenger
    assert challenger is not None
    assert (challenger.share, challenger.step_since) == (0.1, AUTHOR.time)
    first = step(second, "orchard", AUTHOR, share=0.01).models["orchard"].challenger
    assert first is not None
    assert first.step == 0


def test_a_promotion_an_abort_and_another_champion_leave_one_version() -> None:
    """After each of them one version answers all requests."""
    for changed, champion in (
        (promote(LAST_STEP, "orchard", AUTHOR), "orchard:2"),
        (promote(SHADOW, "orchard", AUTHOR, early=True), "orchard:2"),
        (abort(CANARY, "orchard", AUTHOR), "orchard:1"),
        (set_champion(ALONE, "orchard:3", AUTHOR), "orchard:3"),
        (set_champion(EMPTY, "orchard:3", AUTHOR), "orchard:3"),
    ):
        entry = changed.models["orchard"]
        assert (entry.champion, entry.challenger, entry.who) == (champion, None, "ben")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: start(EMPTY, Start("orchard:2"), AUTHOR), "its champion is unknown. Name the version"),
        (lambda: start(ALONE, Start("orchard:1"), AUTHOR), "is the champion of orchard already"),
        (lambda: start(CANARY, Start("orchard:3"), AUTHOR), "A model has at most one: abort or promote it"),
        (
            lambda: start(CANARY, Start("orchard:2", mode="canary"), AUTHOR),
            "is tried already, a canary at 1%, step 1 of 4",
        ),
        (lambda: start(ALONE, Start("orchard:2", promote="automatic"), AUTHOR), "promotes only by a command"),
        (lambda: start(ALONE, Start("orchard:2", steps=()), AUTHOR), "The rollout is not possible"),
        (lambda: start(EMPTY, Start("orchard:2", champion="pear 1"), AUTHOR), "The change is not possible"),
        (lambda: start(ALONE, Start("orchard:2", steps=(Step(share=1), Step(share=0.5))), AUTHOR), "must not fall"),
        (lambda: step(EMPTY, "orchard", AUTHOR), "it lists no model. Start a rollout"),
        (lambda: step(ALONE, "orchard", AUTHOR), "has no challenger; its champion orchard:1 answers all traffic"),
        (lambda: step(SHADOW, "orchard", AUTHOR), "is in the shadow, which has no steps"),
        (lambda: step(LAST_STEP, "orchard", AUTHOR), "is at its last step, 100%. Promote it"),
        (lambda: step(CANARY, "orchard", AUTHOR, share=0.3), "has the steps 1%, 10%, 50%, 100%, got 30%"),
        (lambda: step(CANARY, "orchard", AUTHOR, share=0.01), "is at the step 1% already"),
        (lambda: promote(ALONE, "orchard", AUTHOR), "has no challenger"),
        (lambda: promote(CANARY, "orchard", AUTHOR), "has not answered all traffic yet. Wait for its last step"),
        (lambda: promote(SHADOW, "orchard", AUTHOR), "in the shadow, so it has not answered"),
        (lambda: promote(LAST_STEP, "orchard", Author("ben", " ")), "is an approval. Give its reason"),
        (lambda: abort(ALONE, "orchard", AUTHOR), "`tabento rollout champion orchard --previous`"),
        (lambda: set_champion(ALONE, "orchard:1", AUTHOR), "is the champion of orchard already"),
        (lambda: set_champion(CANARY, "orchard:3", AUTHOR), "Abort it first: `tabento rollout abort orchard`"),
        (lambda: set_champion(CANARY, "orchard:2", AUTHOR), "Promote it: `tabento rollout promote orchard`"),
        (lambda: set_champion(EMPTY, "Orchard:2", AUTHOR), "The change is not possible"),
        (lambda: forget(EMPTY, "orchard"), "does not list 'orchard'"),
        (lambda: forget(CANARY, "orchard"), "Abort it first: `tabento rollout abort orchard`"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(change: Callable[[], RolloutDocument], message: str) -> None:
    """The refusal names the state and the remedy."""
    with pytest.raises(RefusedChangeError) as refusal:
        change()
    assert message in str(refusal.value)


def test_a_forgotten_model_is_not_listed() -> None:
    """The document without a model lets the settings decide."""
    assert forget(ALONE, "orchard").models == {}


def test_a_share_is_written_as_a_person_writes_it() -> None:
    """Shares have all the digits that somebody gave, and no error of binary numbers."""
    assert [share_text(share) for share in (0.07, 0.123456789, 1.0, 1e-06)] == ["7%", "12.3456789%", "100%", "0.0001%"]


def test_automatic_promotion_needs_the_setting() -> None:
    """A service whose setting allows it accepts a rollout that promotes itself."""
    changed = start(ALONE, Start("orchard:2", mode="canary", promote="automatic"), AUTHOR, approval=False)

    challenger = changed.models["orchard"].challenger
    assert challenger is not None
    assert challenger.promote == "automatic"


def test_a_replaced_document_signs_only_the_entries_that_differ() -> None:
    """An entry that stays keeps its author; a changed one gets the new one, and a removed one leaves."""
    pear = orchard_entry().model_copy(update={"champion": "pear:1"})
    present = ALONE.model_copy(update={"models": {"orchard": orchard_entry(), "pear": pear, "plum": pear}})
    new = ALONE.model_copy(update={"models": {"orchard": orchard_entry("2"), "pear": pear}})

    changed = replace_all(present, new, AUTHOR)

    assert changed.models["pear"] == pear
    assert (changed.models["orchard"].who, changed.models["orchard"].why) == ("ben", "checked")
    assert "plum" not in changed.models
    unsigned = replace_all(present, new, Author("ben", ""))
    assert unsigned.models["orchard"].why == ""


def test_a_rollback_concerns_only_its_challenger_and_happens_once() -> None:
    """Two workers that see the same fault change the document once; a challenger that began meanwhile stays."""
    once = roll_back(CANARY, "orchard", "orchard:2", AUTHOR)

    assert once.models["orchard"].challenger is None
    assert roll_back(once, "orchard", "orchard:2", AUTHOR) is once
    assert roll_back(CANARY, "orchard", "orchard:3", AUTHOR) is CANARY
    assert roll_back(EMPTY, "orchard", "orchard:2", AUTHOR) is EMPTY


def test_an_automatic_step_happens_once_and_only_where_it_is_wanted() -> None:
    """Two workers advance a canary by one step together; a manual one, a shadow and a last step stay."""
    once = advance(CANARY, "orchard", "orchard:2", 0, AUTHOR)

    challenger = once.models["orchard"].challenger
    assert challenger is not None
    assert challenger.step == 1
    assert advance(once, "orchard", "orchard:2", 0, AUTHOR) is once
    for document, tag, index in (
        (orchard_document("2", mode="canary", advance="manual"), "orchard:2", 0),
        (SHADOW, "orchard:2", 0),
        (LAST_STEP, "orchard:2", 3),
        (CANARY, "orchard:3", 0),
        (ALONE, "orchard:2", 0),
    ):
        assert advance(document, "orchard", tag, index, AUTHOR) is document


def test_nothing_promotes_itself_unless_document_and_setting_say_so() -> None:
    """An automatic promotion needs the document's wish, the last step, and a service without approval."""
    willing = orchard_document("2", mode="canary", step=3, promote="automatic")

    promoted = promote_after_last_step(willing, "orchard", "orchard:2", AUTHOR, approval=False)
    assert promoted.models["orchard"].champion == "orchard:2"
    assert promoted.models["orchard"].challenger is None
    assert promote_after_last_step(willing, "orchard", "orchard:2", AUTHOR, approval=True) is willing
    for document in (LAST_STEP, orchard_document("2", mode="canary", promote="automatic"), promoted, EMPTY):
        assert promote_after_last_step(document, "orchard", "orchard:2", AUTHOR, approval=False) is document


def test_a_reason_is_one_line_of_bounded_length() -> None:
    """Line ends of a reason cannot make lines of the log, and a long reason is cut."""
    assert one_line("a\r\n b\tc ") == "a b c"
    assert len(one_line("x" * 2_000)) == 900
