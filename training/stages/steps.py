"""Which stages run, and from where their decisions come: what ``--steps`` and ``--decisions`` mean."""

from __future__ import annotations

from dataclasses import dataclass

from training.errors import TrainingError
from training.stages.table import DECIDING, STAGES

ALL = "all"
FROM = "from:"
OWN = "config"
"""For ``--decisions``: those of the config itself."""


class StepsError(TrainingError):
    """``--steps`` or ``--decisions`` names something that is not there."""


@dataclass(frozen=True)
class Plan:
    """The stages of a run."""

    steps: tuple[str, ...]
    """The stages that run, in their order."""
    chain: tuple[str, ...]
    """The deciding stages whose decisions count, in their order; others are as if they had never run."""

    def source_of(self, stage: str) -> str | None:
        """Return the stage whose decisions a stage starts from; None for those of the config."""
        order = list(STAGES)
        before = [name for name in self.chain if order.index(name) < order.index(stage)]
        return before[-1] if before else None


def make_plan(steps: str, decisions: str | None = None) -> Plan:
    """Read ``--steps`` and ``--decisions``.

    Args:
        steps: ``all``, ``from:NAME``, or names with commas between them, in any order.
        decisions: up to which stage decisions count: ``config`` for none, or a stage that decides. By default those
            among the steps count; with ``from:NAME`` also all before it.

    Raises:
        StepsError: a stage is unknown, or decides nothing; the message lists those there are.
    """
    given = steps.strip()
    order = list(STAGES)
    if given == ALL:
        names = order
    elif given.startswith(FROM):
        names = order[order.index(_known(given.removeprefix(FROM))) :]
    else:
        wanted = {_known(name) for name in given.split(",")}
        names = [name for name in order if name in wanted]
    if decisions is None:
        chain = [name for name in DECIDING if given.startswith(FROM) or name in names]
    elif decisions == OWN:
        chain = []
    elif decisions in DECIDING:
        chain = list(DECIDING[: DECIDING.index(decisions) + 1])
    else:
        raise StepsError(f"--decisions: expected {OWN}, {', '.join(DECIDING)}; got {decisions!r}")
    return Plan(tuple(names), tuple(chain))


def _known(name: str) -> str:
    if name.strip() not in STAGES:
        raise StepsError(
            f"--steps: expected {ALL}, {FROM}NAME or names out of {', '.join(STAGES)}; got {name.strip()!r}"
        )
    return name.strip()
