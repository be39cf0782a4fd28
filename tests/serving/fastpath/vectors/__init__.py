"""Requests, byte by byte, with what is right for each by RFC 9110 and RFC 9112: one file for each part of a request."""

from __future__ import annotations

from tests.serving.fastpath.vectors import (
    chunks,
    connections,
    content_length,
    fields,
    hosts,
    incomplete,
    request_lines,
    smuggling,
    targets,
    transfer_encoding,
    upgrades,
    versions,
)
from tests.serving.fastpath.vectors.vector import Vector

VECTORS: tuple[Vector, ...] = tuple(
    vector
    for module in (
        request_lines,
        versions,
        targets,
        hosts,
        fields,
        content_length,
        transfer_encoding,
        chunks,
        smuggling,
        connections,
        upgrades,
        incomplete,
    )
    for vector in module.VECTORS
)
"""Every vector."""
