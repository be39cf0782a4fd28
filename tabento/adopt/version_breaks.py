"""Known breaks between versions of scikit-learn: a pipeline fitted before a break loads without an error and gives other answers.

The table was found by fitting every estimator of scikit-learn 1.2.2, 1.3.2, 1.4.0, 1.4.2, 1.5.2, 1.6.1, 1.7.2 and 1.8.0
and comparing its answers with the answers of 1.9.1 for the same file; the changelogs of scikit-learn name the changes.
Estimators that fail when they are loaded or called are not listed: they cannot give a wrong answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.ensemble import AdaBoostClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from tabento.adopt.errors import AdoptionError
from tabento.adopt.fitted_steps import fitted_steps

Version = tuple[int, int]

OLDEST_COMPARED: Version = (1, 2)
"""The oldest version whose estimators were compared with the installed version; older versions are unknown."""
_SHARE_SLACK = 1e-6
"""The largest distance of the sum of a node's shares from 1: they are quotients of doubles."""
_BREAKS_IN_MESSAGE = 5
"""The largest number of breaks in a message."""


@dataclass(frozen=True)
class VersionBreak:
    """A change of scikit-learn after which an older estimator gives other answers."""

    changed_in: Version
    """The first version with other answers."""
    change: str
    """The change, as the rest of a sentence about the step."""
    applies: Callable[[Any], bool]
    """Whether the change concerns an estimator, by its attributes."""
    holds_nothing: bool = False
    """Whether the attributes do not show the change, so that the version decides."""

    def concerns(self, estimator: Any, version: Version | None) -> bool:
        """Return whether an estimator gives other answers. ``version`` fitted it; None if that is unknown."""
        if self.holds_nothing and (version is None or version >= self.changed_in):
            return False
        return self.applies(estimator)


def _holds_counts(estimator: Any) -> bool:
    """Return whether a tree's nodes hold numbers of rows of each class; current versions read shares."""
    if not isinstance(estimator, DecisionTreeClassifier):
        return False
    values = getattr(getattr(estimator, "tree_", None), "value", None)
    return values is not None and bool((np.abs(values.sum(axis=-1) - 1) > _SHARE_SLACK).any())


def _is_one_against_the_rest(estimator: Any) -> bool:
    if not isinstance(estimator, LogisticRegression) or np.size(getattr(estimator, "classes_", ())) <= 2:
        return False
    scheme = vars(estimator).get("multi_class")
    return bool(scheme == "ovr" or estimator.solver == "liblinear")


def _is_multinomial_of_two(estimator: Any) -> bool:
    return (
        isinstance(estimator, LogisticRegression)
        and vars(estimator).get("multi_class") == "multinomial"
        and np.size(getattr(estimator, "classes_", ())) == 2
    )


def _weighs_by_probability(estimator: Any) -> bool:
    return isinstance(estimator, AdaBoostClassifier) and vars(estimator).get("algorithm") == "SAMME.R"


def _is_partial_least_squares(estimator: Any) -> bool:
    return isinstance(estimator, PLSRegression | PLSCanonical | CCA)


BREAKS = (
    VersionBreak(
        (1, 4),
        "its trees hold numbers of rows; since 1.4 they hold shares, so that a number of rows is answered as a"
        " probability",
        _holds_counts,
    ),
    VersionBreak(
        (1, 8),
        "it was fitted with one model for each class (multi_class='ovr', or the solver liblinear); since 1.8 every"
        " LogisticRegression of more than two classes answers the softmax of one joint model. Labels are the same,"
        " probabilities are not",
        _is_one_against_the_rest,
    ),
    VersionBreak(
        (1, 8),
        "it was fitted on two classes with multi_class='multinomial'; since 1.8 two classes are answered by one logistic"
        " function. Labels are the same, probabilities are not",
        _is_multinomial_of_two,
    ),
    VersionBreak(
        (1, 6),
        "it was fitted with algorithm='SAMME.R', which 1.6 removed: its trees are now weighted by their labels, as in"
        " SAMME, instead of by their probabilities",
        _weighs_by_probability,
    ),
    VersionBreak(
        (1, 5),
        "1.5 changed the factor of its coefficients, and its intercept",
        _is_partial_least_squares,
        holds_nothing=True,
    ),
)
"""The known breaks."""


@dataclass(frozen=True)
class BrokenStep:
    """A step of a pipeline that gives, or can give, other answers than in the version that fitted it."""

    step: str
    """A description of the step."""
    change: str
    """The change, as the rest of a sentence about the step."""


def known_breaks(pipeline: Any, versions: Sequence[str] = ()) -> list[BrokenStep]:
    """Return the steps that are known to give other answers here, each step and break once.

    Most breaks are recognised by a step's attributes, regardless of the version in the file.

    Args:
        pipeline: fitted, as loaded.
        versions: the versions of scikit-learn that saved its steps, if they are not the installed version.
    """
    parsed = [version for version in map(_parse_version, versions) if version is not None]
    oldest = min(parsed, default=None)
    hits = [
        BrokenStep(step.in_words(), item.change)
        for step in fitted_steps(pipeline)
        for item in BREAKS
        if item.concerns(step.estimator, oldest)
    ]
    return [*dict.fromkeys(hits), *_beyond_comparison(versions)]


def require_known(breaks: Sequence[BrokenStep], *, proven: bool) -> None:
    """Raise an error if a known break concerns the pipeline and its answers are not compared with its own version.

    Args:
        breaks: from ``known_breaks``.
        proven: whether the import compares its answers with the version that fitted it.

    Raises:
        AdoptionError: with each step, the change and the remedy.
    """
    if not breaks or proven:
        return
    lines = [f"  {item.step}: {item.change}" for item in breaks[:_BREAKS_IN_MESSAGE]]
    if len(breaks) > _BREAKS_IN_MESSAGE:
        lines.append(f"  and {len(breaks) - _BREAKS_IN_MESSAGE} more")
    raise AdoptionError(
        f"This pipeline does not answer with scikit-learn {sklearn.__version__}, which is installed here, as it did with"
        " the version that fitted it:\n" + "\n".join(lines) + f"\nFit it again with scikit-learn"
        f" {sklearn.__version__}. If you think that its answers are the same here, prove it: --sklearn auto runs that"
        " version itself; or, where it was fitted, write its answers to the sample's rows, and give that file with"
        " --expected answers.csv. docs/import.md shows the lines that write it."
    )


def version_remedy(versions: Sequence[str], *, perhaps_rows: bool) -> str | None:
    """Return the remedy if another version fitted the pipeline; None if the installed version fitted it.

    Args:
        versions: the versions of scikit-learn that saved its steps, if they are not the installed version.
        perhaps_rows: whether the rows can be the reason, too.
    """
    if not versions:
        return None
    version_text = " and ".join(versions)
    remedy = f"Fit it again with scikit-learn {sklearn.__version__} and save it again."
    if perhaps_rows:
        return (
            f"Either the reason is that scikit-learn {version_text} has fitted it, and {sklearn.__version__} is installed"
            f" here, or the rows differ from the rows of the fit. {remedy}"
        )
    return (
        f"The reason is the version, not the rows: scikit-learn {version_text} has fitted it, and in {sklearn.__version__},"
        f" which is installed here, its steps work otherwise. {remedy}"
    )


def _beyond_comparison(versions: Sequence[str]) -> Iterator[BrokenStep]:
    """Yield a break for each unknown version: it is older than the oldest compared version, or newer than the installed one."""
    installed = _parse_version(sklearn.__version__)
    for text in versions:
        version = _parse_version(text)
        if version is None or version < OLDEST_COMPARED:
            oldest = ".".join(map(str, OLDEST_COMPARED))
            yield BrokenStep(
                "the pipeline",
                f"answers of scikit-learn before {oldest} were never compared with the installed version",
            )
        elif installed is not None and version > installed:
            yield BrokenStep("the pipeline", f"scikit-learn {text} is newer, and its answers were never compared")


def _parse_version(text: str | None) -> Version | None:
    """Return major and minor of a version; None if the text has no version."""
    match = re.match(r"(\d+)\.(\d+)", text or "")
    return (int(match[1]), int(match[2])) if match else None
