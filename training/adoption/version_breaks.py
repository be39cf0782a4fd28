"""Known breaks between versions of scikit-learn: what was fitted before one is read without an error and answers otherwise.

The table was found by fitting every estimator of scikit-learn 1.2.2, 1.3.2, 1.4.0, 1.4.2, 1.5.2, 1.6.1, 1.7.2 and 1.8.0
and comparing its answers with those that 1.9.1 gives for the same file; the changelogs of scikit-learn name the changes.
Estimators that fail when they are read or asked are not here: they cannot answer wrongly.
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

from training.adoption.errors import AdoptionError
from training.adoption.fitted_steps import fitted_steps

Version = tuple[int, int]

OLDEST_COMPARED: Version = (1, 2)
"""The oldest version whose estimators were compared with the installed one's; of older ones nothing is known."""
_SHARE_SLACK = 1e-6
"""How far the shares of a node may be from a sum of 1: they are quotients of doubles."""
_SHOWN = 5
"""How many breaks a message lists."""


@dataclass(frozen=True)
class VersionBreak:
    """A change of scikit-learn after which an estimator of before answers otherwise."""

    changed_in: Version
    """The first version that answers otherwise."""
    what: str
    """What changed, as the rest of a sentence about the step."""
    applies: Callable[[Any], bool]
    """Whether it concerns an estimator, by what the estimator holds."""
    holds_nothing: bool = False
    """Whether an estimator does not show it, so that the version has to tell."""

    def concerns(self, estimator: Any, version: Version | None) -> bool:
        """Return whether an estimator answers otherwise, given the version that fitted it; None if that is not known."""
        if self.holds_nothing and (version is None or version >= self.changed_in):
            return False
        return self.applies(estimator)


def _holds_counts(estimator: Any) -> bool:
    """Whether a tree's nodes hold the numbers of rows of each class, where shares are read now."""
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
        "its trees hold numbers of rows; since 1.4 they hold shares, so that what was a number of rows is answered as a"
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
        "it was fitted with algorithm='SAMME.R', which 1.6 removed: its trees are now weighed by their labels, as SAMME"
        " does, instead of by their probabilities",
        _weighs_by_probability,
    ),
    VersionBreak(
        (1, 5),
        "1.5 changed what its coefficients are multiplied by, and its intercept",
        _is_partial_least_squares,
        holds_nothing=True,
    ),
)
"""The known breaks."""


@dataclass(frozen=True)
class BrokenStep:
    """A step of a pipeline that answers otherwise than where it was fitted, or may do so."""

    step: str
    """The step in words."""
    what: str
    """What changed, as the rest of a sentence about the step."""


def known_breaks(pipeline: Any, versions: Sequence[str] = ()) -> list[BrokenStep]:
    """Return what is known to answer otherwise here than where it was fitted, each step and break once.

    Most breaks are recognised by what a step holds, whatever version is said to have saved it.

    Args:
        pipeline: fitted, as it was loaded.
        versions: the versions of scikit-learn that saved its steps, as far as they are not the installed one.
    """
    parsed = [version for version in map(_parsed, versions) if version is not None]
    oldest = min(parsed, default=None)
    hits = [
        BrokenStep(step.in_words(), item.what)
        for step in fitted_steps(pipeline)
        for item in BREAKS
        if item.concerns(step.estimator, oldest)
    ]
    return [*dict.fromkeys(hits), *_beyond_comparison(versions)]


def require_known(breaks: Sequence[BrokenStep], *, proven: bool) -> None:
    """Let a pipeline through that no known break concerns, or whose answers are compared with those of its version.

    Args:
        breaks: from ``known_breaks``.
        proven: whether the answers of the version that fitted the pipeline are compared with those here.

    Raises:
        AdoptionError: with each step, what changed, and how to go on.
    """
    if not breaks or proven:
        return
    lines = [f"  {item.step}: {item.what}" for item in breaks[:_SHOWN]]
    if len(breaks) > _SHOWN:
        lines.append(f"  and {len(breaks) - _SHOWN} more")
    raise AdoptionError(
        f"This pipeline does not answer with scikit-learn {sklearn.__version__}, which is installed here, as it did with"
        " the version that fitted it:\n" + "\n".join(lines) + f"\nFit it again with scikit-learn"
        f" {sklearn.__version__}. If you think that its answers are the same here, prove it: --sklearn auto asks that"
        " version itself; or, where it was fitted, write its answers to the sample's rows, and give that file with"
        " --expected answers.csv. docs/import.md shows the lines that write it."
    )


def version_remedy(versions: Sequence[str], *, perhaps_rows: bool) -> str | None:
    """Say that a pipeline fails because another version fitted it; None if it was the installed one.

    Args:
        versions: the versions of scikit-learn that saved its steps, as far as they are not the installed one.
        perhaps_rows: whether the rows may be the reason as well.
    """
    if not versions:
        return None
    fitted_with = " and ".join(versions)
    remedy = f"Fit it again with scikit-learn {sklearn.__version__} and save it anew."
    if perhaps_rows:
        return (
            f"Either the reason is that scikit-learn {fitted_with} has fitted it, and {sklearn.__version__} is installed"
            f" here, or the rows are not such as it was fitted on. {remedy}"
        )
    return (
        f"The reason is the version, not the rows: scikit-learn {fitted_with} has fitted it, and in {sklearn.__version__},"
        f" which is installed here, its steps work otherwise. {remedy}"
    )


def _beyond_comparison(versions: Sequence[str]) -> Iterator[BrokenStep]:
    """Yield a break for each version of which nothing is known: it is older than the oldest compared one, or newer."""
    installed = _parsed(sklearn.__version__)
    for text in versions:
        version = _parsed(text)
        if version is None or version < OLDEST_COMPARED:
            oldest = ".".join(map(str, OLDEST_COMPARED))
            yield BrokenStep(
                "the pipeline", f"answers of scikit-learn before {oldest} were never compared with this one's"
            )
        elif installed is not None and version > installed:
            yield BrokenStep("the pipeline", f"scikit-learn {text} is newer, and its answers were never compared")


def _parsed(text: str | None) -> Version | None:
    """Return major and minor of a version; None if there is none."""
    match = re.match(r"(\d+)\.(\d+)", text or "")
    return (int(match[1]), int(match[2])) if match else None
