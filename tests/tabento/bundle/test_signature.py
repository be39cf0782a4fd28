"""A signed bundle verifies with its key; every other bundle is refused if a signature is required."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tabento.bundle.checksums import file_sha256
from tabento.bundle.errors import BundleError, BundleFormatError, BundleIntegrityError, BundleSignatureError
from tabento.bundle.format import CARD_FILE, MANIFEST_FILE, MODEL_FILE, SIGNATURE_FILE
from tabento.bundle.manifest import BENTOML_FILE, verify_manifest
from tabento.bundle.signature import SignaturePolicy, sign_bundle, verify_signature
from tabento.bundle.signing_key import SigningKey, new_signing_key
from tabento.bundle.store import read_bundle
from tabento.bundle.trusted_keys import TrustedKey, TrustedKeys
from tests.bundles import write_bundle

KEY, OTHER = new_signing_key(), new_signing_key()
TAG = "orchard:1"


def trusting(*keys: SigningKey, revoked: str | None = None) -> TrustedKeys:
    """Return the trusted keys of a service."""
    return TrustedKeys(
        keys=tuple(
            TrustedKey(
                id=key.id,
                owner="ci",
                public_key=base64.b64encode(key.public_key).decode(),
                added="2026-11-28T09:00:00Z",
                revoked=revoked,
            )
            for key in keys
        )
    )


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A bundle that ``KEY`` signed, with BentoML's own file."""
    folder = write_bundle(tmp_path / "bundle")
    sign_bundle(folder, KEY)
    (folder / BENTOML_FILE).write_text("name: orchard\n", encoding="utf-8")
    return folder


def test_a_signed_bundle_is_read(tmp_path: Path, signed: Path) -> None:
    """The manifest names the key in format 3, the other files keep their bytes, and nothing else is written."""
    manifest = verify_manifest(signed)
    assert (manifest.format_version, manifest.signed_by) == (3, KEY.id)
    assert manifest.file_names == (MANIFEST_FILE, SIGNATURE_FILE, *manifest.files)
    unsigned = write_bundle(tmp_path / "unsigned")
    assert all(file_sha256(unsigned / name) == sha256 for name, sha256 in manifest.files.items())
    assert verify_signature(signed, trusting(OTHER, KEY)).id == KEY.id
    assert read_bundle(signed, TAG, SignaturePolicy(True, trusting(KEY))).manifest == manifest
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "unsigned"}


def test_an_unsigned_bundle_is_written_as_before(tmp_path: Path) -> None:
    """The manifest of an unsigned bundle has no key of the later format."""
    folder = write_bundle(tmp_path / "bundle")
    content = json.loads((folder / MANIFEST_FILE).read_bytes())
    assert (list(content), content["format_version"]) == (["format_version", "name", "files", "provenance"], 1)
    assert verify_manifest(folder).file_names[0] == MANIFEST_FILE
    assert SIGNATURE_FILE not in verify_manifest(folder).file_names


def test_signing_again_replaces_the_signature(signed: Path) -> None:
    """The same key writes the same bytes; another key takes its place, also after half a signature."""
    before = (signed / MANIFEST_FILE).read_bytes(), (signed / SIGNATURE_FILE).read_bytes()
    sign_bundle(signed, KEY)
    assert before == ((signed / MANIFEST_FILE).read_bytes(), (signed / SIGNATURE_FILE).read_bytes())
    (signed / SIGNATURE_FILE).unlink()
    sign_bundle(signed, OTHER)
    assert verify_signature(signed, trusting(OTHER)).id == OTHER.id


def _edit_manifest(folder: Path, old: str, new: str) -> None:
    text = (folder / MANIFEST_FILE).read_text(encoding="utf-8")
    assert old in text
    (folder / MANIFEST_FILE).write_text(text.replace(old, new, 1), encoding="utf-8")


def _seal_a_forged_card(folder: Path) -> None:
    old = file_sha256(folder / CARD_FILE)
    (folder / CARD_FILE).write_text("# Forged\n", encoding="utf-8")
    _edit_manifest(folder, old, file_sha256(folder / CARD_FILE))


def _flip_a_bit_of_the_signature(folder: Path) -> None:
    signature = bytearray(base64.b64decode((folder / SIGNATURE_FILE).read_bytes()))
    signature[5] ^= 1
    (folder / SIGNATURE_FILE).write_bytes(base64.b64encode(signature))


def _take_the_signature_of_another_bundle(folder: Path) -> None:
    other = write_bundle(folder.parent / "other", fingerprint="e" * 64)
    sign_bundle(other, KEY)
    (folder / SIGNATURE_FILE).write_bytes((other / SIGNATURE_FILE).read_bytes())


def _sign_with_another_key_in_the_name_of_this_one(folder: Path) -> None:
    content = (folder / MANIFEST_FILE).read_bytes()
    (folder / SIGNATURE_FILE).write_bytes(base64.b64encode(OTHER.sign(content)))


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    "attack",
    [
        _seal_a_forged_card,
        lambda folder: _edit_manifest(folder, '"rows": 2', '"rows": 3'),
        lambda folder: _edit_manifest(folder, "{\n", "{ \n"),
        _flip_a_bit_of_the_signature,
        _take_the_signature_of_another_bundle,
        _sign_with_another_key_in_the_name_of_this_one,
        lambda folder: (folder / SIGNATURE_FILE).write_bytes(b""),
        lambda folder: (folder / SIGNATURE_FILE).write_bytes(b"\xff not base64"),
        lambda folder: (folder / SIGNATURE_FILE).write_bytes(b"A" * 100_000),
    ],
)
def test_a_wrong_signature_of_a_trusted_key_is_refused(
    signed: Path, attack: Callable[[Path], object], required: bool
) -> None:
    """A changed manifest, one flipped bit, another bundle's signature and other text are refused, also if none is required."""
    attack(signed)
    with pytest.raises(BundleSignatureError, match=f"orchard:1: {SIGNATURE_FILE} is not the signature of this"):
        read_bundle(signed, TAG, SignaturePolicy(required, trusting(KEY)))


def test_bundles_of_nobody_and_of_strangers_are_refused(tmp_path: Path, signed: Path) -> None:
    """A service that requires signatures refuses a missing signature, an unknown key and a revoked key by name."""
    unsigned = write_bundle(tmp_path / "unsigned")
    policies = {
        (unsigned, SignaturePolicy(True, trusting(KEY))): "orchard:1 is not signed, but a signature",
        (signed, SignaturePolicy(True, trusting(OTHER))): f"signed with the key {KEY.id}, which is not trusted",
        (signed, SignaturePolicy(True, TrustedKeys())): "The trusted keys are: none",
        (
            signed,
            SignaturePolicy(True, trusting(KEY, revoked="2026-11-28T10:00:00Z")),
        ): "of ci, which was revoked on 2026-11-28T10:00:00Z",
    }
    for (folder, policy), message in policies.items():
        with pytest.raises(BundleSignatureError, match=message):
            read_bundle(folder, TAG, policy)


def test_an_optional_signature_lets_strangers_pass(tmp_path: Path, signed: Path) -> None:
    """Without the demand, an unsigned bundle and an unknown key are accepted, and not reported as signed."""
    unsigned = write_bundle(tmp_path / "unsigned")
    assert SignaturePolicy(False, trusting(KEY)).check(unsigned, TAG) is None
    assert SignaturePolicy(False, trusting(OTHER)).check(signed, TAG) is None
    key = SignaturePolicy(False, trusting(KEY)).check(signed, TAG)
    assert key is not None
    assert key.id == KEY.id


def test_a_signature_does_not_replace_the_checksums(signed: Path) -> None:
    """A changed file of a signed bundle is refused by its checksum."""
    (signed / MODEL_FILE).write_bytes(b"another graph")
    with pytest.raises(BundleIntegrityError, match=f"{MODEL_FILE} .* was changed"):
        read_bundle(signed, TAG, SignaturePolicy(True, trusting(KEY)))


def test_a_lost_signature_and_a_stray_one_are_refused(tmp_path: Path, signed: Path) -> None:
    """Also a reader without trusted keys refuses a signed bundle without its signature, and an unsigned one with a signature."""
    stray = write_bundle(tmp_path / "stray")
    (stray / SIGNATURE_FILE).write_bytes((signed / SIGNATURE_FILE).read_bytes())
    with pytest.raises(BundleIntegrityError, match=f"contains {SIGNATURE_FILE}, which its manifest does not list"):
        verify_manifest(stray)
    (signed / SIGNATURE_FILE).rename(tmp_path / "kept.sig")
    (signed / SIGNATURE_FILE).symlink_to(tmp_path / "kept.sig")
    for policy in (None, SignaturePolicy(True, trusting(KEY))):
        with pytest.raises(BundleIntegrityError, match="missing"):
            read_bundle(signed, TAG, policy)


@pytest.mark.parametrize(
    ("old", "new"),
    [('"format_version": 3', '"format_version": 1'), (KEY.id, KEY.id.upper() + "Z"), (f'"{KEY.id}"', "null")],
    ids=("format", "key id", "no key"),
)
def test_a_key_without_its_format_is_malformed(signed: Path, old: str, new: str) -> None:
    """The key and format 3 belong together, and an id has its form."""
    _edit_manifest(signed, old, new)
    with pytest.raises(BundleFormatError, match="is malformed"):
        read_bundle(signed, TAG, SignaturePolicy(True, trusting(KEY)))


def test_only_a_bundle_that_verifies_is_signed(tmp_path: Path) -> None:
    """A damaged folder and a folder without a manifest are not signed, and stay as they are."""
    folder = write_bundle(tmp_path / "bundle")
    (folder / CARD_FILE).write_text("# Changed\n", encoding="utf-8")
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(BundleIntegrityError, match="was changed"):
        sign_bundle(folder, KEY)
    assert sorted(path.name for path in folder.iterdir()) == before
    with pytest.raises(BundleError, match="is not a bundle"):
        sign_bundle(tmp_path, KEY)
