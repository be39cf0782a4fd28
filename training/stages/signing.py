"""The key that signs the bundles of a run, by the setting ``signing_key_file``."""

from __future__ import annotations

from tabento.bundle.errors import SigningKeyError
from tabento.bundle.signing_key import SigningKey, read_signing_key
from training.config.settings import TrainingSettings


def signing_key(settings: TrainingSettings) -> SigningKey | None:
    """Return the key that signs the bundles of a run; None if they are not signed.

    Raises:
        SigningKeyError: the file cannot be read, or is not a private key of Ed25519.
    """
    return None if settings.signing_key_file is None else read_signing_key(settings.signing_key_file)


def signing_problem(settings: TrainingSettings) -> str | None:
    """Return the reason why a run could not sign its bundle; None if there is no reason."""
    try:
        signing_key(settings)
    except SigningKeyError as error:
        return f"The bundle could not be signed: {error}"
    return None
