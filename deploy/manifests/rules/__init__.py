"""The rules of this project for its manifests, each a function that yields one line for each violation.

Schemas and general policies do not know the service: which routes it has, how long it drains, which variables it accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from deploy.manifests.render import Manifest
from deploy.manifests.rules.pods import RULES as POD_RULES
from deploy.manifests.rules.references import RULES as REFERENCE_RULES
from deploy.manifests.rules.service import RULES as SERVICE_RULES

Rule = Callable[[Sequence[Manifest]], Iterator[str]]

RULES: tuple[Rule, ...] = (*POD_RULES, *REFERENCE_RULES, *SERVICE_RULES)


def check_rules(objects: Sequence[Manifest]) -> list[str]:
    """Return a line for each violation, with the object, the actual and the expected value."""
    return [line for rule in RULES for line in rule(objects)]
