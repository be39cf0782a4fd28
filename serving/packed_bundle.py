"""The choice of the bundle to serve among those that are packed in a built Bento."""

from __future__ import annotations

from collections.abc import Sequence

from tabento.bundle.errors import BundleNotFoundError


def choose_packed(bento_tag: str, model_tags: Sequence[str], requested: str) -> str:
    """Return the tag of the packed bundle to serve.

    Args:
        bento_tag: the tag of the Bento, for the message.
        model_tags: the tags of the packed models.
        requested: the requested bundle, ``name`` or ``name:version``.

    Raises:
        BundleNotFoundError: the Bento contains another model than the requested one.
    """
    name, _, version = requested.partition(":")
    for tag in model_tags:
        packed_name, _, packed_version = tag.partition(":")
        if packed_name == name and version in ("", "latest", packed_version):
            return tag
    raise BundleNotFoundError(
        f"the Bento {bento_tag} holds {', '.join(model_tags) or 'no model'}, but {requested} is to be served."
        f" Build one for it with `make bento MODEL={name}`, or unset TABENTO_MODEL."
    )
