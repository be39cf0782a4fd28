"""The checks of a start: everything that a service refuses to start with is found before its port opens."""

from __future__ import annotations

from serving.codec.input_policies import policies_for
from serving.fleet.catalogue import Catalogue
from serving.guards.key_source import read_all_keys
from serving.protocols.grpc.startup import check_grpc
from serving.settings import ServingSettings
from serving.tls import check_tls
from serving.tracing.check import check_tracing
from tabento.bundle.store import Bundle


def check_settings(settings: ServingSettings) -> None:
    """Check the packages, files and keys that the settings need.

    Raises:
        SettingsError: a package or a file is missing, or a file does not contain what it should.
        KeyFileError: the API keys cannot be read.
    """
    check_tracing(settings)
    check_grpc(settings)
    check_tls(settings)
    read_all_keys(settings)


def check_bundle(bundle: Bundle, settings: ServingSettings) -> None:
    """Check the settings that depend on the bundle or on the model store.

    Raises:
        SettingsError: ``input_policies`` does not fit the contract, or ``models`` lists an unknown model.
    """
    policies_for(bundle.contract, settings)
    Catalogue(settings.models, settings.pinned_models)
