"""The one way in which making or proving an image fails. Messages end with what to do next."""

from __future__ import annotations


class ImageError(Exception):
    """An image cannot be made, or does not do what it must."""
