"""The further models of a Bento: packed beside the first one, and served without a setting.

``tabento bento FIRST SECOND …`` passes them to ``service.py`` as its argument ``models``, which BentoML keeps in the Bento. The
first model is the default of the service; the others are answered as the setting ``models`` says (``serving.fleet``).
"""

from __future__ import annotations

import re

from serving.settings import ServingSettings

_TAG = re.compile(r"[a-z][a-z0-9_]*:[A-Za-z0-9._-]+")


def split_tags(value: object) -> tuple[str, ...]:
    """Return the tags of an argument: a text with commas, as ``--arg`` has it, or a list, as an argument file has it.

    Raises:
        ValueError: an entry is not a tag with a version, or a model is named twice. A name without a version would mean
            another version as soon as the store has a newer one.
    """
    entries = [entry.strip() for entry in value.split(",")] if isinstance(value, str) else value
    if not isinstance(entries, list | tuple):
        raise ValueError(f"expected tags separated by commas, got {value!r}")
    tags = tuple(str(entry) for entry in entries if entry != "")
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise ValueError(f"expected NAME:VERSION, got {tag!r}; `tabento models list` has the versions")
    names = [tag.partition(":")[0] for tag in tags]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is listed twice; a model has one version in a service")
    return tags


def with_packed_models(settings: ServingSettings, packed_tags: tuple[str, ...]) -> ServingSettings:
    """Return the settings with the packed models among the served ones.

    Args:
        settings: the settings; a model that ``models`` or ``pinned_models`` names keeps the version that is named there.
        packed_tags: the further models of the Bento.
    """
    named = {entry.partition(":")[0] for entry in (*settings.models, *settings.pinned_models) if ":" in entry}
    added_tags = tuple(tag for tag in packed_tags if tag.partition(":")[0] not in named)
    return settings.model_copy(update={"models": (*added_tags, *settings.models)}) if added_tags else settings
