"""The arguments of an action of ``tabento models``; each action reads its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ActionArguments:
    """The values of the command line, with the defaults of the arguments that an action does not have."""

    name: str = ""
    """The model; empty for all models."""
    version: str = ""
    """A number or an alias."""
    where: tuple[str, ...] = ()
    """Conditions on metrics, such as ``wmape<8``."""
    sort: str | None = None
    """The metric by which versions are sorted, the best first."""
    metric: str = ""
    """The metric by which the best version is selected."""
    reason: str = ""
    """The reason of a change."""
    user: str | None = None
    """The person responsible for a change."""
    service: str | None = None
    """The address of a running service that changes its champion as well; None for the registry alone."""
    first: str = ""
    """The first of two versions."""
    second: str = ""
    """The second of two versions."""
    model: str = ""
    """A reference to a bundle, such as ``NAME@champion``."""
    url: str = ""
    """The fsspec URL of an object store."""
    fetch: bool = False
    """Whether the bundle is copied into the local store."""
    online: bool = False
    """Whether the registry must be reached."""
    a: str = ""
    """The file of the model in service."""
    b: str = ""
    """The file of the other model."""
