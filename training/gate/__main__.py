"""``python -m training.gate`` makes the gate's refits: a ``Request`` as JSON on stdin, the checks as JSON on stdout."""

from __future__ import annotations

import sys

from training.gate.refits import CHECKS, Request, refit


def main() -> int:
    """Make the refits and return the exit code."""
    request = Request.model_validate_json(sys.stdin.buffer.read())
    sys.stdout.buffer.write(CHECKS.dump_json(refit(request)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
