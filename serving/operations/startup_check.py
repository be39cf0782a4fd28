"""The checks of a service's start, without a port: for programs that store a bundle.

A bundle that passes here is one with which ``bentoml serve`` becomes ready. The settings are the defaults: they
check the model, not the computer on which it is stored.
"""

from __future__ import annotations

from serving.errors import ServingError
from serving.model import ServedModel
from serving.routes.openapi import build_openapi
from serving.settings import ServingSettings
from tabento.bundle.store import load_bundle


class StartupError(Exception):
    """The service would not start with a bundle; the message has the reason."""


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
