"""The merge of the registry's aliases into the rollout document: only an alias that moved is a change.

The document also changes by commands and by rollbacks. An alias that stays where it was does not undo them: a challenger that was
rolled back does not begin again at the next poll, but the next version that gets the alias does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rollout.document import Challenger, ModelRollout, RolloutDocument
from rollout.registry.aliases import Aliases

USER = "registry"
"""The author of the changes in the document and its history."""


def merge_aliases(
    document: RolloutDocument,
    aliases: Mapping[str, Aliases],
    seen: Mapping[str, Aliases],
    live_champion: Callable[[str], str | None],
    time: str,
) -> tuple[RolloutDocument, dict[str, Aliases]]:
    """Return the document with the versions whose aliases moved.

    A new challenger begins in the shadow. An alias ``challenger`` that was taken away ends the rollout of its version only.

    Args:
        document: the present document.
        aliases: the present aliases by model.
        seen: the aliases at the last merge, by model; a model that is missing there is merged for the first time.
        live_champion: returns the tag of the version of a model that answers now; None if it is unknown.
        time: the time of the change.

    Returns:
        The document, the same object if no version moved; and the aliases that are seen now. A model without a known champion stays
        unseen.
    """
    models, seen_now = dict(document.models), dict(seen)
    for name, required in aliases.items():
        before = seen.get(name, Aliases())
        if required == before:
            continue
        entry = models.get(name)
        merged = _merge_model(entry, required, before, live_champion(name), time)
        if merged is None:
            continue
        seen_now[name] = required
        if entry is None or _versions(merged) != _versions(entry):
            models[name] = merged
    changed = document if models == document.models else document.model_copy(update={"models": models})
    return changed, seen_now


def _merge_model(
    entry: ModelRollout | None, required: Aliases, before: Aliases, live_champion: str | None, time: str
) -> ModelRollout | None:
    """Return the new entry of a model; None if its champion is unknown."""
    champion = live_champion if entry is None else entry.champion
    challenger = None if entry is None else entry.challenger
    reasons = []
    if required.champion not in (None, before.champion, champion):
        reasons.append(f"the alias champion moved to {required.champion}")
        champion = required.champion
    if required.challenger != before.challenger:
        if required.challenger is not None and (challenger is None or challenger.tag != required.challenger):
            reasons.append(f"the alias challenger moved to {required.challenger}")
            challenger = Challenger(tag=required.challenger, step_since=time)
        elif required.challenger is None and challenger is not None and challenger.tag == before.challenger:
            reasons.append(f"the alias challenger was taken from {before.challenger}")
            challenger = None
    if champion is None:
        return None
    if challenger is not None and challenger.tag == champion:
        challenger = None
    if not reasons:
        if entry is not None:
            return entry
        reasons.append(f"the alias champion is {champion}")
    return ModelRollout(champion=champion, challenger=challenger, since=time, who=USER, why="; ".join(reasons))


def _versions(entry: ModelRollout) -> tuple[str, str | None]:
    return entry.champion, None if entry.challenger is None else entry.challenger.tag
