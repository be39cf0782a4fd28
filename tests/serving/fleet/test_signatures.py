"""A running service that demands signatures: a version goes live as soon as a trusted key has signed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.fleet import reconcile
from tabento.bundle.signature import sign_bundle
from tabento.bundle.signing_key import new_signing_key
from tabento.bundle.store import store_folder
from tabento.bundle.trusted_keys import trust_key
from tests.serving.fleet.versions import versioned_service

NOW = "2026-11-28T09:00:00Z"


def test_a_version_is_tried_again_until_a_trusted_key_has_signed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not signed, signed by a stranger, signed by a key that becomes trusted: each refusal is named, and the old version answers."""
    monkeypatch.setattr(reconcile, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(reconcile, "LONGEST_RETRY_S", 0.02)
    trusted, key, other = tmp_path / "trusted.json", new_signing_key(), new_signing_key()
    trust_key(trusted, key.public_key, "ci", NOW)
    settings = {"require_signed_bundles": True, "trusted_bundle_keys_file": trusted}
    with versioned_service(tmp_path, {"v1": 1.0, "v2": 2.0}, **settings) as service:
        folder = store_folder() / "orchard" / "v2"

        def wait_for(reason: str) -> None:
            service.wait(lambda status: reason in (status["differs_because"] or ""), reason)
            assert service.predict()[0] == "v1"

        service.want("v2")
        wait_for("orchard:v2 is not signed")
        sign_bundle(folder, other)
        wait_for(f"is signed with the key {other.id}, which is not trusted")
        trusted.write_text("{", encoding="utf-8")
        wait_for("is not a file of trusted keys")
        trusted.unlink()
        trust_key(trusted, other.public_key, "new", NOW)
        service.wait_for_champion("v2")
        assert service.predict()[0] == "v2"
