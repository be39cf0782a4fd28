"""The error of making or proving an image. Messages end with a remedy."""

from __future__ import annotations


class ImageError(Exception):
    """An image cannot be made, or does not pass the proof."""
