"""A test whether the outcomes of two arms have the same distribution, which may be looked at at any time.

The test conditions on the outcomes. If both arms have the same distribution, each outcome belongs to the challenger with the same
probability ρ, its share of the traffic. Therefore the test needs no model of the outcomes: their distribution may change with
the time of day, as long as the share does not. Conditioning on the outcomes is the idea of M. Lindon and A. Malek (Anytime-valid
inference for multinomial count data, NeurIPS 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from tabento.ab_test.gamma import Floats, log_beta, log_gamma
from tabento.ab_test.sequential import log_likelihood

CONCENTRATIONS = (4.0, 100.0, 2_000.0)
"""The concentrations of the beta mixtures over the challenger's share of one bin: large, moderate and small differences."""
DIFFERENT_WEIGHT = 0.3
"""The weight of a bin that differs. A bin whose share is that of the traffic then costs 0.36 in the logarithm of the evidence."""
LOGITS = np.arange(-7.0, 7.01, 0.1)
"""The log odds of shares of the traffic, from 0.1% to 99.9%, if the real share is not the planned one."""
PLANNED_WEIGHT = 0.5
"""The weight of the planned share of the traffic; the others share the remainder."""


def association(champion: Sequence[int], challenger: Sequence[int], share: float | None = None) -> float:
    """Return ln E against the hypothesis that the outcomes of both arms have the same distribution.

    E is the probability of the arms, given the outcomes, under a mixture, divided by the largest one with one share for all
    bins (L. Wasserman, A. Ramdas, S. Balakrishnan, Universal inference, PNAS 2020). The mixture has for each bin the share ρ of
    the traffic, or a share that is beta distributed around ρ. For two bins and a challenger with the higher rate, E is also an
    e-process against the hypothesis that its rate is at most the champion's.

    Args:
        champion: the counts of the champion's outcomes by bin, shape (K,).
        challenger: those of the challenger.
        share: the planned share of the challenger in the traffic, constant while the counts were taken; None if it is unknown.
    """
    challenger_counts, champion_counts = np.asarray(challenger, np.float64), np.asarray(champion, np.float64)
    is_used = challenger_counts + champion_counts > 0
    challenger_counts, champion_counts = challenger_counts[is_used], champion_counts[is_used]
    n_challenger, total = challenger_counts.sum(), challenger_counts.sum() + champion_counts.sum()
    if n_challenger == 0 or n_challenger == total or len(challenger_counts) < 2:
        return 0.0
    prior = _prior(share)
    parts = np.empty((len(CONCENTRATIONS) + 1, len(prior.shares), len(challenger_counts)))
    parts[0] = (
        np.log1p(-DIFFERENT_WEIGHT)
        + challenger_counts * prior.log_shares[:, np.newaxis]
        + champion_counts * prior.log_rests[:, np.newaxis]
    )
    # ln B(a + k, b + m) with a + b = c: the last of its three terms does not depend on the share.
    sizes = log_gamma(prior.concentrations[:, np.newaxis] + challenger_counts + champion_counts)
    parts[1:] = (
        log_gamma(prior.a[:, :, np.newaxis] + challenger_counts)
        + log_gamma(prior.b[:, :, np.newaxis] + champion_counts)
        - sizes[:, np.newaxis, :]
        - prior.log_betas[:, :, np.newaxis]
        + np.log(DIFFERENT_WEIGHT / len(CONCENTRATIONS))
    )
    # The logarithm of a sum of exponentials, without overflow.
    largest = parts.max(axis=0)
    by_share = (largest + np.log(np.exp(parts - largest).sum(axis=0))).sum(axis=1)
    numerator = float(np.logaddexp.reduce(prior.weights + by_share))
    return numerator - float(log_likelihood(n_challenger, total, n_challenger / total))


def distance(champion: Sequence[int], challenger: Sequence[int]) -> float:
    """Return the total variation distance of two histograms: the share of answers that would have to move to another bin."""
    first, second = np.asarray(champion, np.float64), np.asarray(challenger, np.float64)
    return float(0.5 * np.abs(first / first.sum() - second / second.sum()).sum())


class _Prior:
    """The mixture over the shares of the traffic, and the parts of the beta functions that do not depend on the counts.

    Args:
        planned: the planned share; None if it is unknown.
    """

    def __init__(self, planned: float | None) -> None:
        shares = 1.0 / (1.0 + np.exp(-LOGITS))
        weights = np.full(len(shares), -np.log(len(shares)))
        if planned is not None and 0.0 < planned < 1.0:
            shares = np.append(shares, planned)
            weights = np.append(weights + np.log(1.0 - PLANNED_WEIGHT), np.log(PLANNED_WEIGHT))
        self.shares: Floats = shares
        self.weights: Floats = weights
        self.log_shares, self.log_rests = np.log(shares), np.log1p(-shares)
        self.concentrations = np.asarray(CONCENTRATIONS)
        self.a = self.concentrations[:, np.newaxis] * shares
        self.b = self.concentrations[:, np.newaxis] * (1.0 - shares)
        self.log_betas = log_beta(self.a, self.b)


_prior = lru_cache(maxsize=64)(_Prior)
