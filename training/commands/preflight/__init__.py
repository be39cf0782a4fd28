"""The preflight: checks of a run before it begins. All problems are reported in one message."""

from training.commands.preflight.checks import before_reading, before_training
from training.commands.preflight.home import require_home
from training.commands.preflight.port import port_problem
from training.commands.preflight.problems import PreflightError, require_none

__all__ = ["PreflightError", "before_reading", "before_training", "port_problem", "require_home", "require_none"]
