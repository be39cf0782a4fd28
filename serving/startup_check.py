"""The checks that the service makes when it starts, without a port: for those who store a bundle.

A bundle that passes here is one with which ``bentoml serve`` becomes ready. The settings are the defaults: what is
judged is the model, not the machine on which it is stored.
"""

from __future__ import annotations

from bundle.store import load_bundle
from serving.errors import ServingError
from serving.model import ServedModel
from serving.openapi import build_openapi
from serving.settings import ServingSettings


class StartupError(Exception):
    """The service would not start with a bundle; the message says why."""


def check_startup(tag: str) -> None:
    """Load a bundle of the model store as the service does: verify, decode its examples, run and encode them, warm up.

    Args:
        tag: ``name:version``.

    Raises:
        BundleError: it is not stored, or does not verify.
        StartupError: it verifies, and the service refuses it all the same.
    """
    # Without the environment: a shell's TABENTO_… variables say nothing about the model.
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
    except Exception as error:  # whatever it is, it would end the service's start
        raise StartupError(f"{type(error).__name__}: {error}") from error
