"""The changes that the service makes by itself. Several workers may want the same change: the second one changes nothing."""

from __future__ import annotations

from rollout.changes import Author, at_step
from rollout.document import ModelRollout, RolloutDocument


def roll_back(document: RolloutDocument, name: str, tag: str, author: Author) -> RolloutDocument:
    """Return the document without a challenger that has passed a limit.

    Args:
        document: the present document.
        name: the model.
        tag: the challenger; another challenger stays.
        author: the part of the service, with the limit that was passed as reason.
    """
    entry = document.models.get(name)
    if entry is None or entry.challenger is None or entry.challenger.tag != tag:
        return document
    return _with_entry(document, name, entry.model_copy(update={"challenger": None}), author)


def advance(document: RolloutDocument, name: str, tag: str, from_step: int, author: Author) -> RolloutDocument:
    """Return the document with a canary at its next step, if it is still at ``from_step`` and may advance by itself.

    Args:
        document: the present document.
        name: the model.
        tag: the challenger; another challenger stays as it is.
        from_step: the index of the step that has lasted.
        author: the part of the service, with the reason.
    """
    entry = document.models.get(name)
    challenger = None if entry is None else entry.challenger
    if entry is None or challenger is None or challenger.tag != tag or challenger.mode != "canary":
        return document
    if challenger.advance != "automatic" or challenger.step != from_step or from_step + 1 == len(challenger.steps):
        return document
    changed = entry.model_copy(update={"challenger": at_step(challenger, from_step + 1, author.time)})
    return _with_entry(document, name, changed, author)


def promote_after_last_step(
    document: RolloutDocument, name: str, tag: str, author: Author, *, approval: bool
) -> RolloutDocument:
    """Return the document with the challenger as the champion, if the document asks for it and it is at its last step.

    Args:
        document: the present document.
        name: the model.
        tag: the challenger; another challenger stays as it is.
        author: the part of the service, with the verdict as reason.
        approval: whether only a command may promote, see ``rollout_approval``; then nothing changes.
    """
    entry = document.models.get(name)
    challenger = None if entry is None else entry.challenger
    if approval or entry is None or challenger is None or challenger.tag != tag:
        return document
    is_last = challenger.mode == "canary" and challenger.step + 1 == len(challenger.steps)
    if challenger.promote != "automatic" or not is_last:
        return document
    return _with_entry(document, name, entry.model_copy(update={"champion": tag, "challenger": None}), author)


def _with_entry(document: RolloutDocument, name: str, entry: ModelRollout, author: Author) -> RolloutDocument:
    signed = entry.model_copy(update={"since": author.time, "who": author.user[:1_000], "why": author.reason[:1_000]})
    return document.model_copy(update={"models": {**document.models, name: signed}})
