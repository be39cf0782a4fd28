"""The signatures that a service demands, by its settings ``require_signed_bundles`` and ``trusted_bundle_keys_file``."""

from __future__ import annotations

from rollout.settings import RolloutSettings
from tabento.bundle.errors import SigningKeyError
from tabento.bundle.signature import SignaturePolicy
from tabento.bundle.signing_key import require_cryptography
from tabento.bundle.trusted_keys import read_trusted_keys


def signature_policy(settings: RolloutSettings) -> SignaturePolicy | None:
    """Read the trusted keys and return the demanded signatures; None if signatures are not checked.

    The file is read at each call, so a key that was revoked is refused from the next load on.

    Raises:
        SigningKeyError: the file cannot be read, it is missing although signatures are required.
    """
    path = settings.trusted_bundle_keys_file
    if path is None:
        if settings.require_signed_bundles:
            raise SigningKeyError(
                "require_signed_bundles is true, but trusted_bundle_keys_file is not set, so that no bundle could be loaded."
                " Name the file of the trusted keys, which `tabento sign trust` writes."
            )
        return None
    policy = SignaturePolicy(settings.require_signed_bundles, read_trusted_keys(path))
    if policy.required and all(key.revoked is not None for key in policy.trusted.keys):
        raise SigningKeyError(
            f"require_signed_bundles is true, but {path} has no key that is not revoked, so that no bundle could be loaded. Add a"
            " key with `tabento sign trust`."
        )
    require_cryptography()  # at the start of the service, not at the first bundle
    return policy
