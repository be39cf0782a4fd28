"""The preflight: what a run needs later is checked before it begins, and all that is missing is told at once."""

from training.preflight.checks import before_reading, before_training
from training.preflight.home import require_home
from training.preflight.port import port_problem
from training.preflight.problems import PreflightError, require_none

__all__ = ["PreflightError", "before_reading", "before_training", "port_problem", "require_home", "require_none"]
