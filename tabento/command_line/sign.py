"""``tabento sign``: create signing keys, sign and verify bundles, and edit the file of trusted keys. Needs no project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tabento.command_line.commands import HELP_OPTIONS, WIDTH, SectionedCommand, SectionedOption, verbose_option
from tabento.command_line.groups import CommandEntry, ListedGroup
from tabento.command_line.path_settings import path_setting

if TYPE_CHECKING:
    from tabento.bundle.trusted_keys import TrustedKey

ENTRY = CommandEntry(
    name="sign",
    module="tabento.command_line.sign",
    help="Sign bundles, verify signatures, and manage the trusted keys.",
    section="Keys (needs no project)",
)
EXAMPLES = """examples:
  tabento sign keygen --owner release
  tabento sign bundle california:latest
  tabento sign bundle ./bundles/california/abc --key release.pem
  tabento sign verify california:latest
  tabento sign trust --owner ci 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
  tabento sign revoke 21fe31dfa154a261
  tabento sign list

The private key stays with whoever trains; a service needs the file of trusted keys only, and reads it
before each load of a bundle. docs/signatures.md has the details.
"""
KEY_VARIABLE = "TABENTO_TRAINING_SIGNING_KEY_FILE"
"""The setting of training that names the private key; see ``training.config.settings``."""
TRUSTED_VARIABLE = "TABENTO_TRUSTED_BUNDLE_KEYS_FILE"
"""The setting of the service that names the file of trusted keys; see ``rollout.settings``."""
DEFAULT_KEY = "signing-key.pem"
DEFAULT_TRUSTED = "trusted-bundle-keys.json"


def keygen(owner: str, key: Path | None, trusted: Path | None) -> None:
    """Create a private key, trust its public key and print that.

    Raises:
        BundleError: the key's file exists, the owner is not valid, or a file cannot be written.
    """
    from tabento.bundle.signing_key import new_signing_key
    from tabento.bundle.trusted_keys import trust_key
    from tabento.keys.record import time_text, utc_now

    key_path, trusted_path = _key_path(key), _trusted_path(trusted)
    signing_key = new_signing_key()
    signing_key.write(key_path)
    try:
        trust_key(trusted_path, signing_key.public_key, owner, time_text(utc_now()))
    except BaseException:
        key_path.unlink()  # nothing is signed with it yet
        raise
    click.echo(
        f"Created the key {signing_key.id} of {owner}. The private key is in {key_path}: keep it secret.", err=True
    )
    click.echo(f"Training signs with it:   {KEY_VARIABLE}={key_path.resolve()}", err=True)
    click.echo(f"The service trusts it:    {TRUSTED_VARIABLE}={trusted_path.resolve()}", err=True)
    click.echo("The public key, for `tabento sign trust` elsewhere:", err=True)
    click.echo(signing_key.public_text)


def sign(bundle: str, key: Path | None) -> None:
    """Sign a bundle of the model store or of a folder.

    Raises:
        BundleError: the key cannot be read, or the bundle is not found or does not verify.
        TabentoError: a file cannot be written.
    """
    from tabento.bundle.signature import sign_bundle
    from tabento.bundle.signing_key import read_signing_key
    from tabento.errors import TabentoError

    signing_key = read_signing_key(_key_path(key))
    folder, name = _bundle_folder(bundle)
    try:
        sign_bundle(folder, signing_key)
    except OSError as error:
        raise TabentoError(
            f"{name} cannot be signed: {error.strerror} ({error.filename}). Check the folder's mode and the disk, and sign again."
        ) from error
    click.echo(f"Signed {name} with the key {signing_key.id}.")
    click.echo(
        "A version of it that MLflow has already keeps the former checksum, and does not match any more: let training sign"
        f" new versions before it registers them ({KEY_VARIABLE}).",
        err=True,
    )


def verify(bundle: str, trusted: Path | None) -> None:
    """Check all files of a bundle and its signature.

    Raises:
        BundleError: the bundle is not found, does not verify, or is not signed by a trusted key.
    """
    from tabento.bundle.manifest import verify_manifest
    from tabento.bundle.signature import verify_signature
    from tabento.bundle.trusted_keys import read_trusted_keys

    keys = read_trusted_keys(_trusted_path(trusted))
    folder, name = _bundle_folder(bundle)
    key = verify_signature(folder, keys, name)
    manifest = verify_manifest(folder)
    click.echo(f"{name} is signed by {key.owner} (key {key.id}), and its {len(manifest.files)} files are unchanged.")


def trust(public_key: str, owner: str, trusted: Path | None) -> None:
    """Trust a public key.

    Raises:
        BundleError: it is not a public key, is listed already, or the file cannot be read or written.
    """
    from tabento.bundle.signing_key import parse_public_key
    from tabento.bundle.trusted_keys import trust_key
    from tabento.keys.record import time_text, utc_now

    path = _trusted_path(trusted)
    key = trust_key(path, parse_public_key(public_key), owner, time_text(utc_now()))
    click.echo(f"{path} trusts the key {key.id} of {owner} now.")


def revoke(key_id: str, trusted: Path | None) -> None:
    """Refuse all signatures of a key.

    Raises:
        BundleError: the file has no such key, it is revoked already, or the file cannot be read or written.
    """
    from tabento.bundle.trusted_keys import revoke_key
    from tabento.keys.record import time_text, utc_now

    key = revoke_key(_trusted_path(trusted), key_id, time_text(utc_now()))
    click.echo(
        f"Revoked the key {key.id} of {key.owner}. A service refuses its bundles from the next load on; loaded models stay."
    )


def list_keys(trusted: Path | None) -> None:
    """Print the trusted keys.

    Raises:
        BundleError: the file cannot be read.
    """
    from tabento.bundle.trusted_keys import read_trusted_keys

    path = _trusted_path(trusted)
    keys = read_trusted_keys(path).keys
    if not keys:
        click.echo(f"{path} has no keys. Create one: `tabento sign keygen --owner NAME`.")
        return
    table = [("ID", "OWNER", "ADDED", "STATE"), *((key.id, key.owner, key.added, _state(key)) for key in keys)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _state(key: TrustedKey) -> str:
    return "trusted" if key.revoked is None else f"revoked {key.revoked}"


def _bundle_folder(bundle: str) -> tuple[Path, str]:
    """Return the folder of a bundle and its name for messages."""
    if (folder := Path(bundle)).is_dir():
        return folder, str(folder)
    from tabento.bundle.store import get_stored

    stored = get_stored(bundle)
    return Path(stored.path), str(stored.tag)


def _key_path(key: Path | None) -> Path:
    return _setting(key, KEY_VARIABLE, "--key") or Path(DEFAULT_KEY)


def _trusted_path(trusted: Path | None) -> Path:
    return _setting(trusted, TRUSTED_VARIABLE, "--trusted") or Path(DEFAULT_TRUSTED)


def _setting(option: Path | None, variable: str, name: str) -> Path | None:
    from tabento.bundle.env_files import EnvironmentFileError
    from tabento.bundle.errors import SigningKeyError

    try:
        return path_setting(option, variable)
    except EnvironmentFileError as error:
        raise SigningKeyError(f"{error} Or name the file with {name}.") from error


def _file_option(name: str, variable: str, default: str, noun: str) -> SectionedOption:
    help_text = f"{noun} (default: {variable}, else {default})"
    return SectionedOption([name], type=click.Path(path_type=Path), metavar="FILE", help=help_text)


_KEY = ("--key", KEY_VARIABLE, DEFAULT_KEY, "the private key")
_TRUSTED = ("--trusted", TRUSTED_VARIABLE, DEFAULT_TRUSTED, "the file of trusted keys")


def _owner_option() -> SectionedOption:
    return SectionedOption(
        ["--owner"], required=True, metavar="NAME", help="the person or program that has the private key"
    )


def _bundle_argument() -> click.Argument:
    return click.Argument(["bundle"], metavar="TAG|FOLDER")


command = ListedGroup(
    ENTRY.name,
    help=ENTRY.help,
    epilog=EXAMPLES,
    context_settings={**HELP_OPTIONS, **WIDTH},
    commands=[
        SectionedCommand(
            "keygen",
            callback=keygen,
            help="Create a private key and trust its public key.",
            params=[_owner_option(), _file_option(*_KEY), _file_option(*_TRUSTED), verbose_option()],
        ),
        SectionedCommand(
            "bundle",
            callback=sign,
            help="Sign a bundle of the model store, or of a folder.",
            params=[_bundle_argument(), _file_option(*_KEY), verbose_option()],
        ),
        SectionedCommand(
            "verify",
            callback=verify,
            help="Check the files of a bundle and its signature.",
            params=[_bundle_argument(), _file_option(*_TRUSTED), verbose_option()],
        ),
        SectionedCommand(
            "trust",
            callback=trust,
            help="Trust a public key.",
            params=[
                click.Argument(["public_key"], metavar="KEY"),
                _owner_option(),
                _file_option(*_TRUSTED),
                verbose_option(),
            ],
        ),
        SectionedCommand(
            "revoke",
            callback=revoke,
            help="Refuse all signatures of a key.",
            params=[click.Argument(["key_id"], metavar="ID"), _file_option(*_TRUSTED), verbose_option()],
        ),
        SectionedCommand(
            "list",
            callback=list_keys,
            help="List the trusted keys.",
            params=[_file_option(*_TRUSTED), verbose_option()],
        ),
    ],
)
