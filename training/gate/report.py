"""What the gate says: every check with its figure, its limit and its verdict, and the figures behind them.

It is the content of ``gate.json``. A model that fails a check is not registered; ``GateReport.require`` says why.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from bundle.contract import Strict
from training.errors import GateError
from training.gate.figures import CalibrationFigures, ChampionFigures, SliceFigures, limit_in_words, number_in_words

Verdict = Literal["passed", "failed", "shown", "off"]
"""``shown``: a figure without a limit. ``off``: the config switches the check off."""


class Check(Strict):
    """One limit and how the model stands to it."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    name: str
    """The limit's key in the config's ``gate``, or what was looked at where there is no key for it."""
    group: str = "Limits"
    """Under which heading of the report it stands."""
    bound: Literal["at most", "at least"] = "at most"
    limit: float | None = None
    """None where there is none."""
    value: float | None = None
    """The measured value; NaN where it is undefined, which fails; None where nothing was measured."""
    unit: str = ""
    """The unit of limit and value; empty for a pure number."""
    verdict: Verdict
    detail: str = ""
    """What was done and found, in a sentence or two."""
    remedy: str = ""
    """What to do where it fails."""

    @property
    def passed(self) -> bool:
        """Whether it lets the model through."""
        return self.verdict != "failed"

    @property
    def value_in_words(self) -> str:
        """The value with its unit; empty where there is none."""
        return "" if self.value is None else number_in_words(self.value, self.unit)

    @property
    def limit_in_words(self) -> str:
        """The bound with its unit; empty where there is none."""
        return "" if self.limit is None else f"{self.bound} {limit_in_words(self.limit, self.unit)}"


def judged(
    name: str,
    value: float,
    limit: float,
    bound: Literal["at most", "at least"] = "at most",
    *,
    group: str = "Limits",
    unit: str = "",
    detail: str = "",
    remedy: str = "",
) -> Check:
    """Return the check of a value against a limit; both ends are inclusive, and NaN passes none."""
    held = value <= limit if bound == "at most" else value >= limit
    return Check(
        name=name,
        group=group,
        bound=bound,
        limit=float(limit),
        value=float(value),
        unit=unit,
        verdict="passed" if held else "failed",
        detail=detail,
        remedy=remedy,
    )


def shown(name: str, value: float | None, *, group: str, unit: str = "", detail: str = "") -> Check:
    """Return a figure that nothing limits."""
    number = None if value is None else float(value)
    return Check(name=name, group=group, value=number, unit=unit, verdict="shown", detail=detail)


def switched_off(name: str, *, group: str, detail: str = "the config switches it off") -> Check:
    """Return a check that was not made."""
    return Check(name=name, group=group, verdict="off", detail=detail)


class GateReport(Strict):
    """Every check, those that are switched off as well, with the figures behind them."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    checks: tuple[Check, ...]
    champion: ChampionFigures | None = None
    """How the model compares with the champion; None without a champion."""
    slices: tuple[SliceFigures, ...] = ()
    """The parts of the test rows, worst first."""
    calibration: CalibrationFigures | None = None
    """How far probabilities can be believed; None for a regression."""

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.passed for check in self.checks)

    @property
    def judged(self) -> tuple[Check, ...]:
        """The checks that have a verdict: what is only shown or switched off is left out."""
        return tuple(check for check in self.checks if check.verdict in ("passed", "failed"))

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return the checks as cells of a table: name, value, limit, verdict."""
        return [
            (
                check.name,
                check.value_in_words,
                check.limit_in_words,
                "FAILED" if check.verdict == "failed" else check.verdict,
            )
            for check in self.checks
        ]

    def require(self) -> None:
        """Let a model through that keeps every limit.

        Raises:
            GateError: with every check that fails and what to do about each.
        """
        failed = [check for check in self.checks if not check.passed]
        if not failed:
            return
        raise GateError(
            f"the model fails {len(failed)} of {len(self.judged)} checks of its gate, nothing is saved:\n"
            + "\n".join(f"  {_complaint(check)}" for check in failed)
            + "\nThe limits are under `gate` in the model's config."
        )


def _complaint(check: Check) -> str:
    """Say what a failed check expected, what it got and what to do."""
    text = f"{check.name}: "
    if check.limit is not None:
        text += f"expected {check.limit_in_words}, got {check.value_in_words or 'nothing'}"
        # Plain limits say all in these words; other checks have found something to tell.
        text += f"; {check.detail}" if check.detail and check.group != "Limits" else ""
    else:
        text += check.detail
    return f"{text}; {check.remedy}" if check.remedy else text
