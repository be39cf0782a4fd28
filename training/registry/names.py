"""The names by which people and deployments ask for a version: by alias or stage, not by run."""

from __future__ import annotations

import re

from training.registry.errors import RegistryError
from training.registry.version import CHALLENGER, CHAMPION

STAGES = {"production": CHAMPION, "staging": CHALLENGER}
"""MLflow's older names for what the aliases say."""
_FORM = re.compile(r"^(?:models:/)?(?P<name>[a-z][a-z0-9_]*)(?:@(?P<alias>[\w.-]+)|/(?P<which>[\w.-]+))?$")


def parse_name(given: str) -> tuple[str, str | int]:
    """Read the name of a version.

    Args:
        given: ``name@champion``, ``name/3``, ``name/production`` or ``name`` alone for its champion; ``models:/`` may
            stand before it, as MLflow writes it.

    Returns:
        The model's name, and an alias or a number.

    Raises:
        RegistryError: it has another form.
    """
    match = _FORM.match(given)
    if match is None:
        raise RegistryError(f"expected NAME@ALIAS, NAME/NUMBER, NAME/STAGE or NAME, got {given!r}.")
    which = match["which"]
    if which is None:
        return match["name"], match["alias"] or CHAMPION
    if which.isdecimal():
        return match["name"], int(which)
    if which.lower() not in STAGES:
        raise RegistryError(f"{given}: expected a number or one of {', '.join(STAGES)} behind the bar, got {which!r}.")
    return match["name"], STAGES[which.lower()]
