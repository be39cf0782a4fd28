"""The names by which users and deployments refer to a version: alias or stage, not run."""

from __future__ import annotations

import re

from training.registry.errors import RegistryError
from training.registry.version import CHALLENGER, CHAMPION

STAGES = {"production": CHAMPION, "staging": CHALLENGER}
"""MLflow's older names of the aliases."""
_FORM = re.compile(r"^(?:models:/)?(?P<name>[a-z][a-z0-9_]*)(?:@(?P<alias>[\w.-]+)|/(?P<which>[\w.-]+))?$")


def parse_name(reference: str) -> tuple[str, str | int]:
    """Parse a reference to a version.

    Args:
        reference: ``name@champion``, ``name/3``, ``name/production`` or ``name`` alone for its champion; the
            prefix ``models:/``, as MLflow writes it, is allowed.

    Returns:
        The model's name, and an alias or a number.

    Raises:
        RegistryError: the reference has another form.
    """
    match = _FORM.match(reference)
    if match is None:
        raise RegistryError(f"expected NAME@ALIAS, NAME/NUMBER, NAME/STAGE or NAME, got {reference!r}.")
    suffix = match["which"]
    if suffix is None:
        return match["name"], match["alias"] or CHAMPION
    if suffix.isdecimal():
        return match["name"], int(suffix)
    if suffix.lower() not in STAGES:
        raise RegistryError(
            f"{reference}: expected a number or one of {', '.join(STAGES)} after the slash, got {suffix!r}."
        )
    return match["name"], STAGES[suffix.lower()]
