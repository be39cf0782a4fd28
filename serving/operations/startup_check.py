"""The checks of a service's start, without a port: for programs that store a bundle or start a service.

A bundle that passes here is one with which ``bentoml serve`` becomes ready. The settings are the defaults: they
check the model, not the computer on which it is stored.
"""

from __future__ import annotations

from pathlib import Path

from serving.errors import ServingError
from serving.guards.exposure import exposure_problem
from serving.guards.key_source import read_all_keys
from serving.model import ServedModel
from serving.routes.openapi import build_openapi
from serving.settings import ServingSettings, SettingsError, load_settings
from tabento.bundle.store import load_bundle
from tabento.keys.errors import KeysError


class StartupError(Exception):
    """The service would not start with a bundle; the message has the reason."""


def address_problem(host: str, folder: Path) -> str | None:
    """Return the reason why the service would not start at an address, such as missing API keys; None if it would start.

    Args:
        host: the address.
        folder: the folder of ``service.py``, whose settings are read.
    """
    try:
        settings = load_settings(folder)
        read_all_keys(settings)
    except (SettingsError, KeysError) as error:
        return str(error)
    return exposure_problem(host, settings)


def check_startup(tag: str) -> None:
    """Load a bundle of the model store as the service does: verify, decode its examples, run and encode them, warm up.

    Args:
        tag: ``name:version``.

    Raises:
        BundleError: it is not stored, or does not verify.
        StartupError: it verifies, but the service refuses it.
    """
    # Without the environment: a shell's TABENTO_… variables do not concern the model.
    settings = ServingSettings.model_construct()
    bundle = load_bundle(tag)
    try:
        ServedModel(bundle, settings)
        build_openapi(bundle, settings)
    except ServingError as error:
        faults = "; ".join(
            f"row {detail.row}, {detail.field}: expected {detail.expected}, got {detail.got}"
            for detail in error.details[:5]
        )
        raise StartupError(f"an example does not fit the contract: {error.message} {faults}".rstrip()) from error
    except Exception as error:  # any error would end the service's start
        raise StartupError(f"{type(error).__name__}: {error}") from error
