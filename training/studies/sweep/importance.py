"""Importance of the swept parameters: the share of the score's variance that each parameter explains."""

from __future__ import annotations

import warnings

import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

TRIALS_MIN = 4
"""The smallest number of complete trials for the importances."""


def compute_importances(study: optuna.Study, seed: int) -> dict[str, float]:
    """Return the share of the score's variance that each parameter explains, the largest first; empty with few trials.

    By functional ANOVA over the complete trials (Hutter et al., An efficient approach for assessing hyperparameter
    importance, 2014).
    """
    complete_trials = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(complete_trials) < TRIALS_MIN or len({trial.value for trial in complete_trials}) < 2:
        return {}
    with warnings.catch_warnings():
        # A parameter with a single value in all trials explains nothing; Optuna omits it with a warning.
        warnings.simplefilter("ignore", UserWarning)
        shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed))
    return {name: float(share) for name, share in shares.items()}
