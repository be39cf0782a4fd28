"""The version that a service starts with: the champion of the rollout document, so that a promotion survives a restart."""

from __future__ import annotations

import logging

from rollout.cascade.fetch import Cascade
from rollout.document import DocumentError
from rollout.files import FileReadError
from rollout.signature_policy import signature_policy
from rollout.store import open_store
from serving.settings import ServingSettings
from tabento.bundle.errors import BundleError
from tabento.bundle.store import Bundle, load_bundle, read_bundle
from tabento.remote.errors import RemoteUnavailableError

logger = logging.getLogger("tabento.serving")


def starting_bundle(settings: ServingSettings, tag: str) -> Bundle:
    """Return the verified bundle that a service starts with: the wanted champion, or if it cannot be used, the one of the settings.

    Args:
        settings: the serving settings.
        tag: the bundle of the settings, or of the Bento; without a version the latest one.

    Raises:
        BundleError: see ``tabento.bundle.store.load_bundle``; also if the trusted keys of signatures cannot be read.
    """
    signatures = signature_policy(settings)
    name = tag.partition(":")[0]
    champion = wanted_champion(settings, name)
    if champion is not None and champion != tag:
        try:
            bundle = read_bundle(Cascade.from_settings(settings).fetch(champion), champion, signatures)
            logger.warning(
                "the service starts with %s, as the rollout document says; the settings say %s", champion, tag
            )
            return bundle
        except (BundleError, RemoteUnavailableError, OSError) as error:
            logger.error("the service starts with %s: the wanted champion %s is not used: %s", tag, champion, error)
    return load_bundle(tag, signatures)


def fetch_if_missing(settings: ServingSettings, tag: str) -> None:
    """Fetch the bundle of the settings from its sources, so that a service can start with an empty model store.

    A failure is in the log; the search in the store then names the missing bundle.

    Args:
        settings: the serving settings.
        tag: only a tag with a version is fetched: which one is the latest is known to the store alone.
    """
    if ":" not in tag or not (settings.bundle_urls or settings.rollout_registry_url):
        return
    try:
        Cascade.from_settings(settings).fetch(tag)
    except (BundleError, RemoteUnavailableError, OSError) as error:
        logger.error("the bundle %s cannot be fetched: %s", tag, error)


def wanted_champion(settings: ServingSettings, name: str) -> str | None:
    """Return the tag that the rollout document wants as the champion of a model; None if it names none.

    A document that cannot be read is named in the log, and the service starts as without it.

    Args:
        settings: the serving settings.
        name: the model.
    """
    store = open_store(settings)
    try:
        document = store.overrides.apply(store.read())
    except (FileReadError, DocumentError) as error:
        logger.error("the service starts with the version of its settings: %s", error)
        return None
    model = document.models.get(name)
    return None if model is None else model.champion
