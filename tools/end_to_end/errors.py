"""The two ways in which a step does not succeed."""

from __future__ import annotations


class StepError(Exception):
    """A step failed; the message has the reason, and the end of the log if there is one."""


class SkippedError(Exception):
    """A step cannot run on this computer; the message has the reason."""
