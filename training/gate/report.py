"""The gate's report: every check with its value, its limit and its verdict, and the results behind the checks.

It is the content of ``gate.json``. A model that fails a check is not registered; ``GateReport.require`` raises the reasons.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from tabento.bundle.contract import Strict
from training.errors import GateError
from training.gate.figures import (
    CalibrationFigures,
    ChampionFigures,
    SliceFigures,
    limit_in_words,
    number_in_words,
)
from training.model.coverage import CoverageFigures

Bound = Literal["at most", "at least"]
Verdict = Literal["passed", "failed", "not judged", "shown", "off"]
"""``not judged``: a time above its limit that other load on the computer can explain; it does not fail the model. ``shown``: a
value without a limit. ``off``: the config disables the check."""


class Check(Strict):
    """One check: a limit, the model's value and the verdict."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    name: str
    """The limit's key in the config's ``gate``, or the name of the check if the config has no key for it."""
    group: str = "Limits"
    """The heading of the report under which the check is listed."""
    bound: Bound = "at most"
    limit: float | None = None
    """The limit; None without a limit."""
    value: float | None = None
    """The measured value; NaN if it is undefined, which fails; None if nothing was measured."""
    unit: str = ""
    """The unit of limit and value; empty for a number without a unit."""
    verdict: Verdict
    detail: str = ""
    """The method and the finding of the check, in a sentence or two."""
    remedy: str = ""
    """The remedy if the check fails."""

    @property
    def passed(self) -> bool:
        """Whether the check does not fail the model."""
        return self.verdict != "failed"

    @property
    def value_in_words(self) -> str:
        """The value with its unit; empty without a value."""
        return "" if self.value is None else number_in_words(self.value, self.unit)

    @property
    def limit_in_words(self) -> str:
        """The bound with its unit; empty without a limit."""
        return "" if self.limit is None else f"{self.bound} {limit_in_words(self.limit, self.unit)}"

    def in_words(self) -> str:
        """Return a sentence with the expected value, the actual value and the remedy."""
        text = f"{self.name}: "
        if self.limit is not None:
            text += f"expected {self.limit_in_words}, got {self.value_in_words or 'nothing'}"
            text += f"; {self.detail}" if self.detail else ""
        else:
            text += self.detail
        return f"{text}; {self.remedy}" if self.remedy else text


def limit_check(
    name: str,
    value: float,
    limit: float,
    bound: Bound = "at most",
    *,
    group: str = "Limits",
    unit: str = "",
    detail: str = "",
    remedy: str = "",
) -> Check:
    """Return the check of a value against a limit. Limits are inclusive, and NaN fails."""
    is_kept = value <= limit if bound == "at most" else value >= limit
    return Check(
        name=name,
        group=group,
        bound=bound,
        limit=float(limit),
        value=float(value),
        unit=unit,
        verdict="passed" if is_kept else "failed",
        detail=detail,
        remedy=remedy,
    )


def undecided_check(name: str, value: float, limit: float, *, unit: str, detail: str, remedy: str) -> Check:
    """Return the check of a value above its limit that the computer's load may explain. The check does not fail the model."""
    return Check(
        name=name, limit=float(limit), value=float(value), unit=unit, verdict="not judged", detail=detail, remedy=remedy
    )


def unlimited_check(name: str, value: float | None, *, group: str, unit: str = "", detail: str = "") -> Check:
    """Return the check of a value without a limit."""
    number = None if value is None else float(value)
    return Check(name=name, group=group, value=number, unit=unit, verdict="shown", detail=detail)


def disabled_check(name: str, *, group: str, detail: str = "the config switches it off") -> Check:
    """Return a check that the config disables."""
    return Check(name=name, group=group, verdict="off", detail=detail)


class GateReport(Strict):
    """All checks, including the disabled checks, with the results behind them."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    checks: tuple[Check, ...]
    champion: ChampionFigures | None = None
    """The comparison with the champion; None without a champion."""
    slices: tuple[SliceFigures, ...] = ()
    """The parts of the test rows, worst first."""
    coverage: tuple[CoverageFigures, ...] = ()
    """The coverage of all test rows and of each slice, lowest first; empty without intervals and sets."""
    calibration: CalibrationFigures | None = None
    """The reliability of the probabilities; None for a regression."""

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.passed for check in self.checks)

    @property
    def limited_checks(self) -> tuple[Check, ...]:
        """The checks that passed or failed, without undecided checks, metrics without a limit, and disabled checks."""
        return tuple(check for check in self.checks if check.verdict in ("passed", "failed"))

    @property
    def undecided(self) -> tuple[Check, ...]:
        """The checks whose limit could not be decided because the computer was too busy."""
        return tuple(check for check in self.checks if check.verdict == "not judged")

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
        """Raise an error if a check failed.

        Raises:
            GateError: a check failed. The message names every failed check and its remedy.
        """
        failed = [check for check in self.checks if not check.passed]
        if not failed:
            return
        raise GateError(
            f"the model fails {len(failed)} of {len(self.limited_checks)} checks of its gate and is not stored:\n"
            + "\n".join(f"  {check.in_words()}" for check in failed)
            + "\nThe limits are under `gate` in the model's config."
        )
