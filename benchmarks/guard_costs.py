"""What do keys, limits, cache and headers cost? See ``benchmarks.feature_costs``. Writes ``guard_costs.json``, ``.md`` and ``.png``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.feature_costs import ALL, OFF, PLENTY, Variant, run

BARE = {"TABENTO_SECURITY_HEADERS": "false", "TABENTO_MONITORING": "false"}
"""A service without any of the features."""

VARIANTS = {
    OFF: Variant("all of them off", BARE),
    "headers": Variant("security headers", {**BARE, "TABENTO_SECURITY_HEADERS": "true"}),
    "keys": Variant("API keys", BARE, has_keys=True),
    "limits": Variant("API keys, rate limit of requests and rows", BARE, has_keys=True, has_limit=True),
    "addresses": Variant("limit by address", {**BARE, "TABENTO_ANONYMOUS_REQUESTS_PER_MINUTE": str(PLENTY)}),
    "cache": Variant("cache, and each request is repeated", {**BARE, "TABENTO_CACHE_BYTES": str(64 << 20)}),
    ALL: Variant("keys, limits, metrics and security headers on", {"TABENTO_MONITORING": "false"}, True, True),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write and print."""
    return run("guard_costs", __doc__, VARIANTS, arguments)


if __name__ == "__main__":
    sys.exit(main())
