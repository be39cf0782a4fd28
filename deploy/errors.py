"""The errors of images and of stacks. Messages end with a remedy."""

from __future__ import annotations


class ImageError(Exception):
    """An image cannot be made, or does not pass the proof."""


class StackError(Exception):
    """The programs around the service cannot be prepared, started or checked."""
