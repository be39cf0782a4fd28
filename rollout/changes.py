"""The changes of the rollout document, as functions from a document to a new one. Nothing is read or written here.

A change of a person (``start``, ``step``, ``promote``, ``abort``, ``set_champion``) that does not fit the document is refused with a
remedy. A change of the service itself is in ``rollout.automatic_changes``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from rollout.document import (
    DEFAULT_STEPS,
    Challenger,
    Limits,
    ModelRollout,
    RolloutDocument,
    Step,
    Sticky,
    expectation,
    utc_now,
)
from rollout.errors import RefusedChangeError
from tabento.bundle.numbers import number_text

PERCENT = 100
DECIMALS = 10
"""The decimals of a share in percent: more are an error of binary numbers, as in 0.07 times 100."""
SHOWN_NAMES = 20
"""The largest number of models that a message names."""
LONGEST_TEXT = 900
"""The largest number of characters of a person or a reason; the document has room for the key as well."""


@dataclass(frozen=True)
class Author:
    """The origin of a change."""

    user: str
    """The person, the API key, or the part of the service."""
    reason: str
    """The reason."""
    time: str = field(default_factory=utc_now)


@dataclass(frozen=True)
class Start:
    """The properties of a rollout that begins."""

    tag: str
    """The challenger."""
    champion: str | None = None
    """The version that answers now, if the document does not list the model yet."""
    mode: Literal["shadow", "canary"] = "shadow"
    steps: tuple[Step, ...] = DEFAULT_STEPS
    sticky: Sticky = field(default_factory=Sticky)
    limits: Limits = field(default_factory=Limits)
    advance: Literal["manual", "automatic"] = "automatic"
    promote: Literal["manual", "automatic"] = "manual"


def name_of(tag: str) -> str:
    """Return the model's name of a tag."""
    return tag.partition(":")[0]


def one_line(text: str) -> str:
    """Return a person or a reason for the document: one line of at most ``LONGEST_TEXT`` characters."""
    return " ".join(text.split())[:LONGEST_TEXT]


def share_text(share: float) -> str:
    """Return a share in percent, such as ``10%``."""
    return f"{number_text(round(share * PERCENT, DECIMALS))}%"


def start(document: RolloutDocument, rollout: Start, author: Author, *, approval: bool = True) -> RolloutDocument:
    """Return the document with a challenger that begins in the shadow or as a canary.

    A challenger in the shadow may begin as a canary, and the other way round.

    Args:
        document: the present document.
        rollout: its properties.
        author: the origin of the change.
        approval: whether only a command may promote, see ``rollout_approval``.

    Raises:
        RefusedChangeError: another challenger is tried already, the version is the champion, the champion is unknown, or the
            rollout is not possible.
    """
    name = name_of(rollout.tag)
    present = document.models.get(name)
    champion = rollout.champion if present is None else present.champion
    if champion is None:
        raise RefusedChangeError(
            f"The document does not list {name}, so its champion is unknown. Name the version that answers now as the champion"
            f" (`--champion {name}:VERSION`)."
        )
    if rollout.tag == champion:
        raise RefusedChangeError(f"{rollout.tag} is the champion of {name} already. Choose another version.")
    if present is not None and present.challenger is not None:
        challenger = present.challenger
        if challenger.tag != rollout.tag:
            raise RefusedChangeError(
                f"{name} has the challenger {challenger.tag} already, {describe(challenger)}. A model has at most one: abort"
                f" or promote it before {rollout.tag} begins."
            )
        if challenger.mode == rollout.mode:
            raise RefusedChangeError(f"{rollout.tag} is tried already, {describe(challenger)}.")
    if approval and rollout.promote == "automatic":
        raise RefusedChangeError(
            "This service promotes only by a command (rollout_approval). Begin with manual promotion, or set"
            " TABENTO_ROLLOUT_APPROVAL=false."
        )
    try:
        challenger = Challenger(
            tag=rollout.tag,
            mode=rollout.mode,
            steps=rollout.steps,
            step_since=author.time,
            sticky=rollout.sticky,
            limits=rollout.limits,
            advance=rollout.advance,
            promote=rollout.promote,
        )
    except ValidationError as error:
        raise RefusedChangeError(f"The rollout is not possible: {faults_of(error)}.") from None
    return _with_entry(document, name, champion, challenger, author)


def step(document: RolloutDocument, name: str, author: Author, share: float | None = None) -> RolloutDocument:
    """Return the document with the next step of a canary.

    Args:
        document: the present document.
        name: the model.
        author: the origin of the change.
        share: the share of another step, which may be an earlier one; None: the next step.

    Raises:
        RefusedChangeError: there is no canary, no step with this share, or no further step.
    """
    entry, challenger = _challenger(document, name)
    if challenger.mode == "shadow":
        raise RefusedChangeError(
            f"{challenger.tag} is in the shadow, which has no steps. Start it as a canary: `tabento rollout start"
            f" {challenger.tag} --mode canary`."
        )
    if share is None:
        index = challenger.step + 1
        if index == len(challenger.steps):
            raise RefusedChangeError(
                f"{challenger.tag} is at its last step, {share_text(challenger.share)}. Promote it: `tabento rollout promote"
                f" {name}`, or abort it."
            )
    else:
        shares = [item.share for item in challenger.steps]
        if share not in shares:
            raise RefusedChangeError(
                f"The canary of {name} has the steps {', '.join(map(share_text, shares))}, got {share_text(share)}."
            )
        index = shares.index(share)
        if index == challenger.step:
            raise RefusedChangeError(f"{challenger.tag} is at the step {share_text(share)} already.")
    return _with_entry(document, name, entry.champion, at_step(challenger, index, author.time), author)


def promote(document: RolloutDocument, name: str, author: Author, *, early: bool = False) -> RolloutDocument:
    """Return the document with the challenger as the champion.

    Args:
        document: the present document.
        name: the model.
        author: the person who approves the version.
        early: whether a version may be promoted that was not at its last step.

    Raises:
        RefusedChangeError: there is no challenger, it was not at its last step, or the change has no reason.
    """
    _, challenger = _challenger(document, name)
    is_last = challenger.mode == "canary" and challenger.step == len(challenger.steps) - 1
    if not is_last and not early:
        raise RefusedChangeError(
            f"{challenger.tag} is {describe(challenger)}, so it has not answered all traffic yet. Wait for its last step, or"
            " promote it early (--early)."
        )
    if not author.reason.strip():
        raise RefusedChangeError("A promotion is an approval. Give its reason (--why).")
    return _with_entry(document, name, challenger.tag, None, author)


def abort(document: RolloutDocument, name: str, author: Author) -> RolloutDocument:
    """Return the document without the challenger of a model: the champion answers all traffic.

    Raises:
        RefusedChangeError: there is no challenger.
    """
    entry, _ = _challenger(document, name)
    return _with_entry(document, name, entry.champion, None, author)


def set_champion(document: RolloutDocument, tag: str, author: Author) -> RolloutDocument:
    """Return the document with another champion, which takes all traffic at once.

    Raises:
        RefusedChangeError: the version is the champion already, or a challenger is being compared with the present one.
    """
    name = name_of(tag)
    present = document.models.get(name)
    if present is not None:
        if present.challenger is not None:
            remedy = "Promote it" if present.challenger.tag == tag else "Abort it first"
            raise RefusedChangeError(
                f"{name} has the challenger {present.challenger.tag}, {describe(present.challenger)}. {remedy}:"
                f" `tabento rollout {'promote' if present.challenger.tag == tag else 'abort'} {name}`."
            )
        if present.champion == tag:
            raise RefusedChangeError(f"{tag} is the champion of {name} already.")
    return _with_entry(document, name, tag, None, author)


def forget(document: RolloutDocument, name: str) -> RolloutDocument:
    """Return the document without a model: from its next start on, the service uses the version of its settings.

    Raises:
        RefusedChangeError: the document does not list the model, or a challenger is tried.
    """
    entry = document.models.get(name)
    if entry is None:
        raise not_listed(document, name)
    if entry.challenger is not None:
        raise RefusedChangeError(
            f"{name} has the challenger {entry.challenger.tag}, {describe(entry.challenger)}. Abort it first: `tabento rollout"
            f" abort {name}`."
        )
    return document.model_copy(update={"models": {key: item for key, item in document.models.items() if key != name}})


def replace_all(document: RolloutDocument, new_document: RolloutDocument, author: Author) -> RolloutDocument:
    """Return a whole new document; entries that differ get the author.

    Args:
        document: the present document.
        new_document: the new document.
        author: the origin of the change.
    """
    models = {}
    for name, entry in new_document.models.items():
        present = document.models.get(name)
        if entry == present:
            models[name] = entry
            continue
        update: dict[str, Any] = {"since": author.time, "who": author.user}
        if author.reason or (present is not None and entry.why == present.why):
            update["why"] = author.reason
        models[name] = entry.model_copy(update=update)
    return document.model_copy(update={"models": models})


def describe(challenger: Challenger) -> str:
    """Return the state of a challenger as part of a sentence."""
    if challenger.mode == "shadow":
        return "in the shadow"
    return f"a canary at {share_text(challenger.share)}, step {challenger.step + 1} of {len(challenger.steps)}"


def at_step(challenger: Challenger, index: int, time: str) -> Challenger:
    """Return a challenger at another step."""
    return challenger.model_copy(update={"step": index, "step_since": time})


def faults_of(error: ValidationError) -> str:
    """Return the faults of a part of a document in one line."""
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {expectation(fault)}"
        for fault in error.errors(include_url=False, include_input=False)
    )


def not_listed(document: RolloutDocument, name: str) -> RefusedChangeError:
    """Return the error for a model that the document does not list."""
    listed = ", ".join(sorted(document.models)[:SHOWN_NAMES]) or "no model"
    return RefusedChangeError(
        f"The rollout document does not list {name!r}; it lists {listed}. Start a rollout: `tabento rollout start"
        f" {name}:VERSION`."
    )


def _challenger(document: RolloutDocument, name: str) -> tuple[ModelRollout, Challenger]:
    entry = document.models.get(name)
    if entry is None:
        raise not_listed(document, name)
    if entry.challenger is None:
        raise RefusedChangeError(
            f"{name} has no challenger; its champion {entry.champion} answers all traffic. Another version takes all traffic by"
            f" `tabento rollout champion {name}:VERSION`, or the former one by `tabento rollout champion {name} --previous`."
        )
    return entry, entry.challenger


def _with_entry(
    document: RolloutDocument, name: str, champion: str, challenger: Challenger | None, author: Author
) -> RolloutDocument:
    try:
        entry = ModelRollout(
            champion=champion, challenger=challenger, since=author.time, who=author.user, why=author.reason
        )
    except ValidationError as error:
        raise RefusedChangeError(f"The change is not possible: {faults_of(error)}.") from None
    return document.model_copy(update={"models": {**document.models, name: entry}})
