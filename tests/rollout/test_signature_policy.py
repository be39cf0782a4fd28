"""The settings decide which signatures a service demands; settings that could load nothing are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout.settings import RolloutSettings
from rollout.signature_policy import signature_policy
from tabento.bundle.errors import BundleSignatureError, SigningKeyError
from tabento.bundle.signature import sign_bundle
from tabento.bundle.signing_key import new_signing_key
from tabento.bundle.store import read_bundle
from tabento.bundle.trusted_keys import revoke_key, trust_key
from tests.bundles import write_bundle

NOW = "2026-11-28T09:00:00Z"


def test_without_settings_signatures_are_not_checked() -> None:
    """The default demands nothing and reads no file."""
    assert signature_policy(RolloutSettings()) is None


def test_a_revoked_key_is_refused_from_the_next_load_on(tmp_path: Path) -> None:
    """The file is read again for each load."""
    path, key, other = tmp_path / "trusted.json", new_signing_key(), new_signing_key()
    for trusted in (key, other):
        trust_key(path, trusted.public_key, "ci", NOW)
    settings = RolloutSettings(require_signed_bundles=True, trusted_bundle_keys_file=path)
    folder = write_bundle(tmp_path / "bundle")
    with pytest.raises(BundleSignatureError, match="is not signed"):
        read_bundle(folder, "orchard:1", signature_policy(settings))
    sign_bundle(folder, key)
    assert read_bundle(folder, "orchard:1", signature_policy(settings)).manifest.signed_by == key.id
    revoke_key(path, key.id, NOW)
    with pytest.raises(BundleSignatureError, match="which was revoked"):
        read_bundle(folder, "orchard:1", signature_policy(settings))


def test_settings_that_could_load_nothing_are_refused(tmp_path: Path) -> None:
    """A demand without a file, with a missing file, and with revoked keys only are errors of the settings."""
    with pytest.raises(SigningKeyError, match="trusted_bundle_keys_file is not set"):
        signature_policy(RolloutSettings(require_signed_bundles=True))
    path, key = tmp_path / "trusted.json", new_signing_key()
    settings = RolloutSettings(require_signed_bundles=True, trusted_bundle_keys_file=path)
    with pytest.raises(SigningKeyError, match="does not exist"):
        signature_policy(settings)
    trust_key(path, key.public_key, "ci", NOW)
    revoke_key(path, key.id, NOW)
    with pytest.raises(SigningKeyError, match="has no key that is not revoked"):
        signature_policy(settings)
