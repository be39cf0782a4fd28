"""The document, the state of its models and its history as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rollout.changes import describe, share_text
from rollout.commands.values import NOT_LIMITED, duration_text
from rollout.document import Challenger, Limits, ModelRollout
from tabento.bundle.numbers import number_text

WIDTH = 12


def status_lines(content: dict[str, Any], names: list[str]) -> Iterator[str]:
    """Yield the state of some models.

    Args:
        content: the content of ``GET /admin/rollout``, or of a file.
        names: the models.
    """
    document, states = content["document"], content.get("models")
    yield f"revision {document['revision']}"
    for fault in content.get("faults", ()):
        yield f"FAULT: {fault}"
    for name in names:
        entry = document["models"].get(name)
        state = None if states is None else states.get(name)
        yield ""
        yield name
        yield from model_lines(None if entry is None else ModelRollout.model_validate(entry), state)
        if name in content.get("overrides", {}):
            yield _line("override", f"since {content['overrides'][name]}: this replica could not write the document")


def model_lines(entry: ModelRollout | None, state: dict[str, Any] | None) -> Iterator[str]:
    """Yield the state of one model.

    Args:
        entry: its entry in the document; None if the document does not list it.
        state: its state in the service; None if it is unknown.
    """
    if state is not None and state["wanted"] is not None:
        entry = ModelRollout.model_validate(state["wanted"])  # with an override, if there is one
    if entry is None:
        tag = None if state is None else state["live"]["champion"]
        yield _line("champion", f"{tag or 'not loaded'}  by the settings; the document does not list the model")
        return
    live = None if state is None else state["live"]
    yield _line("champion", entry.champion + _live_text(entry.champion, live, "champion"))
    challenger = entry.challenger
    if challenger is None:
        yield _line("challenger", "none")
    else:
        yield _line(
            "challenger", f"{challenger.tag}{_live_text(challenger.tag, live, 'challenger')}, {describe(challenger)}"
        )
        yield from _plan_lines(challenger)
    if state is not None:
        yield from _trial_lines(state.get("trial"))
        if state["differs_because"] is not None:
            yield _line("differs", state["differs_because"])
        yield from _worker_lines(state)
        if live is not None and live["retiring"]:
            yield _line("retiring", ", ".join(live["retiring"]))
    yield _line("changed", f"{entry.since or 'at an unknown time'} by {entry.who or 'unknown'}: {entry.why or '-'}")


def history_lines(changes: list[dict[str, Any]]) -> Iterator[str]:
    """Yield one line for each change."""
    if not changes:
        yield "no change yet"
        return
    models = max(len(change["model"]) for change in changes)
    for change in changes:
        user, reason = change["who"] or "unknown", change["why"] or "-"
        yield f"{change['when']}  {change['revision']:>4}  {change['model']:<{models}}  {_change_text(change)}  {user}: {reason}"


def _plan_lines(challenger: Challenger) -> Iterator[str]:
    if challenger.mode == "canary":
        steps = [f"{share_text(step.share)} for {duration_text(step.hold_s)}" for step in challenger.steps]
        steps[challenger.step] = f"[{steps[challenger.step]}]"
        since = "" if challenger.step_since is None else f", at this step for {_age(challenger.step_since)}"
        yield _line("steps", f"{', '.join(steps)}; next step {challenger.advance}{since}")
        sticky = challenger.sticky
        yield _line("sticky", sticky.by if sticky.name is None else f"{sticky.by} {sticky.name}")
    yield _line("limits", _limits_text(challenger.limits))
    yield _line("promotion", challenger.promote)


def _worker_lines(state: dict[str, Any]) -> Iterator[str]:
    """Yield the number of workers by their versions, if they differ from each other."""
    workers = state.get("workers", [])
    if len(workers) > 1:
        versions = (
            f"{item['workers']} with {item['champion']} and {item['challenger'] or 'no challenger'}" for item in workers
        )
        yield _line("workers", ", ".join(versions))


def _trial_lines(trial: dict[str, Any] | None) -> Iterator[str]:
    """Yield the state of a running trial; see ``rollout.report``."""
    if trial is None:
        return
    requests = trial.get("requests")
    if requests is not None:
        yield _line("requests", f"champion {requests['champion']:,}, challenger {requests['challenger']:,}")
    decision = trial.get("decision")
    yield _line("verdict", "not judged yet" if decision is None else decision.replace("_", " "))
    for reason in trial.get("reasons", ()):
        yield _line("", reason)
    if trial.get("rolled_back") is not None:
        yield _line("rolled back", trial["rolled_back"])
    if trial.get("fault") is not None:
        yield _line("fault", trial["fault"])


def _change_text(change: dict[str, Any]) -> str:
    """Return the kind of a change with the versions that it concerns."""
    before, after = change["before"], change["after"]
    if after is None:
        return f"{change['what']}: not listed any more"
    kind = f"{change['what']:<9}"
    challenger = after["challenger"]
    if challenger is not None:
        return f"{kind} {challenger['tag']}, {describe(Challenger.model_validate(challenger))}"
    if before is not None and before["champion"] == after["champion"] and before["challenger"] is not None:
        return f"{kind} {before['challenger']['tag']}, back to {after['champion']}"
    return f"{kind} {after['champion']}, champion"


def _limits_text(limits: Limits) -> str:
    texts = []
    for name, value in limits.model_dump().items():
        if isinstance(value, bool):
            texts.append(f"{name} {'on' if value else NOT_LIMITED}")
        elif value is not None:
            texts.append(f"{name} {number_text(value)}")
    return ", ".join(texts)


def _live_text(tag: str, live: dict[str, Any] | None, variant: str) -> str:
    if live is None:
        return ""
    return " (live)" if live[variant] == tag else f" (NOT live; {live[variant] or 'nothing'} is)"


def _age(time: str) -> str:
    return duration_text((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds())


def _line(title: str, text: str) -> str:
    return f"  {title:<{WIDTH}} {text}"
