"""The plan of a run: the stages and the source of their decisions, from ``--steps`` and ``--decisions``."""

from __future__ import annotations

from dataclasses import dataclass

from tabento.errors import TabentoError
from training.stages.table import DECIDING, STAGES

ALL = "all"
FROM = "from:"
OWN = "config"
"""The value of ``--decisions`` for the decisions of the config."""


class StepsError(TabentoError):
    """``--steps`` or ``--decisions`` names an unknown stage."""


@dataclass(frozen=True)
class Plan:
    """The stages of a run."""

    steps: tuple[str, ...]
    """The stages that run, in their order."""
    chain: tuple[str, ...]
    """The deciding stages whose decisions are used, in their order. Other stages are ignored."""

    def source_of(self, stage: str) -> str | None:
        """Return the stage whose decisions a stage starts from; None for the decisions of the config."""
        order = list(STAGES)
        before = [name for name in self.chain if order.index(name) < order.index(stage)]
        return before[-1] if before else None


def make_plan(steps: str, decisions: str | None = None) -> Plan:
    """Read ``--steps`` and ``--decisions``.

    Args:
        steps: ``all``, ``from:NAME``, or names with commas between them, in any order.
        decisions: the last stage whose decisions are used: ``config`` for none, or a deciding stage. By default, the
            deciding stages among the steps are used; with ``from:NAME`` also all deciding stages before it.

    Raises:
        StepsError: a stage is unknown or does not decide; the message lists the stages.
    """
    text = steps.strip()
    order = list(STAGES)
    if text == ALL:
        names = order
    elif text.startswith(FROM):
        names = order[order.index(_stage_name(text.removeprefix(FROM))) :]
    else:
        selected = {_stage_name(name) for name in text.split(",")}
        names = [name for name in order if name in selected]
    if decisions is None:
        chain = [name for name in DECIDING if text.startswith(FROM) or name in names]
    elif decisions == OWN:
        chain = []
    elif decisions in DECIDING:
        chain = list(DECIDING[: DECIDING.index(decisions) + 1])
    else:
        raise StepsError(f"--decisions: expected {OWN}, {', '.join(DECIDING)}; got {decisions!r}")
    return Plan(tuple(names), tuple(chain))


def _stage_name(name: str) -> str:
    if name.strip() not in STAGES:
        raise StepsError(
            f"--steps: expected {ALL}, {FROM}NAME or names out of {', '.join(STAGES)}; got {name.strip()!r}"
        )
    return name.strip()
