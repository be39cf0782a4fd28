"""The number of examples of property tests: few by default, all with ``HYPOTHESIS_PROFILE=thorough``."""

from __future__ import annotations

import os

from hypothesis import settings

QUICK, THOROUGH = "quick", "thorough"
QUICK_SHARE = 10
"""By default the number of examples is divided by this; ``make test-all`` and GitHub run all of them."""
QUICK_MIN = 20


def examples(thorough: int) -> int:
    """Return the number of examples of a test.

    Args:
        thorough: the number with the thorough profile.
    """
    return thorough if settings.get_current_profile_name() == THOROUGH else max(thorough // QUICK_SHARE, QUICK_MIN)


def load_profile() -> None:
    """Load the profile that the environment names."""
    settings.register_profile(QUICK, max_examples=QUICK_MIN)
    settings.register_profile(THOROUGH, max_examples=100)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", QUICK))
