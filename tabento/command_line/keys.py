"""``tabento keys``: create, list, revoke and rotate the API keys of a service. Needs no project.

A secret is printed once, alone on standard output, so that it can be piped into a store of secrets. All other text of the
commands that print a secret goes to standard error.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from tabento.command_line.commands import HELP_OPTIONS, WIDTH, SectionedCommand, SectionedOption, verbose_option
from tabento.command_line.groups import CommandEntry, ListedGroup
from tabento.command_line.path_settings import path_setting

ENTRY = CommandEntry(
    name="keys",
    module="tabento.command_line.keys",
    help="Create, list, revoke and rotate the API keys of a service.",
    section="Keys (needs no project)",
)
EXAMPLES = """examples:
  tabento keys create --owner shop
  tabento keys create --owner prometheus --scope read --expires 90d
  tabento keys create --owner visitors --demo | pbcopy
  tabento keys rotate shop-1 --overlap 24h
  tabento keys revoke shop-1
  tabento keys list

The secret is printed once, on standard output; the file stores its digest only. A running service
reads a changed file within two seconds. docs/keys.md has the details.
"""
FILE_VARIABLE = "TABENTO_API_KEYS_FILE"
"""The setting of the service that names its key file; see ``serving.settings``."""
DEFAULT_FILE = "keys.json"
DEMO_REQUESTS_PER_MINUTE = 100
"""The limit of a key for strangers who try the service."""
SHOWN_DIGITS = 8
"""The number of hexadecimal digits of a digest that ``list --json`` shows."""


def key_file(file: Path | None) -> Path:
    """Return the path of the key file: ``--file``, else the service's setting, else ``keys.json`` in the working folder.

    Raises:
        KeysError: ``.env`` or a profile, which can have the setting, cannot be read.
    """
    from tabento.bundle.env_files import EnvironmentFileError
    from tabento.keys.errors import KeysError

    try:
        return path_setting(file, FILE_VARIABLE) or Path(DEFAULT_FILE)
    except EnvironmentFileError as error:
        raise KeysError(f"{error} Or name the key file with --file.") from error


def create(
    owner: str,
    scope: tuple[str, ...],
    key_id: str | None,
    requests_per_minute: int | None,
    rows_per_minute: int | None,
    expires: str | None,
    demo: bool,
    inline: bool,
    file: Path | None,
) -> None:
    """Create a key, store its record and print its secret.

    Raises:
        KeysError: a value is wrong, the id is taken, or the file cannot be read or written.
    """
    from tabento.keys.changes import create_key, parse_duration
    from tabento.keys.errors import KeysError
    from tabento.keys.inline import inline_entry
    from tabento.keys.key_file import Records, change_keys
    from tabento.keys.record import SCOPES, utc_now
    from tabento.keys.secret import new_secret

    secret, now = new_secret(), utc_now()
    if demo and requests_per_minute is None:
        requests_per_minute = DEMO_REQUESTS_PER_MINUTE
    lifetime = None if expires is None else parse_duration(expires)

    def add(records: Records) -> Records:
        record = create_key(
            records,
            secret,
            owner=owner,
            scopes=[name for name in SCOPES if name in scope],
            now=now,
            key_id=key_id,
            lifetime=lifetime,
            requests_per_minute=requests_per_minute,
            rows_per_minute=rows_per_minute,
        )
        return (*records, record)

    if inline:
        record = add(())[0]
        if (lifetime, requests_per_minute, rows_per_minute) != (None, None, None):
            raise KeysError(
                "--inline: a key in TABENTO_API_KEYS has no end and no limits of its own; omit these options."
            )
        _tell(
            f"Created the key {record.id!r} with the scopes {_scopes(record.scopes)}. It is stored nowhere. Start the service with:"
        )
        _tell(f"  TABENTO_API_KEYS={inline_entry(record)}")
    else:
        path = key_file(file)
        record = change_keys(path, add, creates=True)[-1]
        end = "without an end" if record.expires is None else f"until {_time(record.expires)}"
        _tell(
            f"Created the key {record.id!r} with the scopes {_scopes(record.scopes)}, {end}. Its digest is in {path}."
        )
        _warn_about(path)
        _tell(f"The service reads it with {FILE_VARIABLE}={path.resolve()}")
    _print_secret(secret)


def rotate(key_id: str, overlap: str | None, expires: str | None, file: Path | None) -> None:
    """Give a key a new secret and print it.

    Raises:
        KeysError: the file has no such key, the key is revoked or has expired, or the file cannot be read or written.
    """
    from tabento.keys.changes import parse_duration, rotate_key
    from tabento.keys.key_file import change_keys
    from tabento.keys.record import utc_now
    from tabento.keys.secret import new_secret

    path, secret, now = key_file(file), new_secret(), utc_now()
    overlap_time = None if overlap is None else parse_duration(overlap)
    lifetime = None if expires is None else parse_duration(expires)
    records = change_keys(
        path, lambda present: rotate_key(present, key_id, secret, now, str(path), overlap_time, lifetime)
    )
    record = next(record for record in records if record.id == key_id)
    if record.former:
        _tell(f"Rotated {key_id!r}. The former secret is accepted until {_time(record.former[0].expires)}.")
    else:
        _tell(f"Rotated {key_id!r}. The former secret is refused from now on.")
    _print_secret(secret)


def revoke(key_id: str, file: Path | None) -> None:
    """Revoke a key, including its former secrets.

    Raises:
        KeysError: the file has no such key, the key is revoked already, or the file cannot be read or written.
    """
    from tabento.keys.changes import revoke_key
    from tabento.keys.key_file import change_keys
    from tabento.keys.record import utc_now

    path = key_file(file)
    change_keys(path, lambda records: revoke_key(records, key_id, utc_now(), str(path)))
    click.echo(f"Revoked {key_id!r}. A running service refuses it within two seconds.")


def list_keys(as_json: bool, file: Path | None) -> None:
    """Print all keys.

    Raises:
        KeysError: the file cannot be read.
    """
    from tabento.keys.key_file import read_keys
    from tabento.keys.record import record_to_json, utc_now

    path, now = key_file(file), utc_now()
    records = read_keys(path)
    if as_json:
        objects = [{**record_to_json(record), "state": record.state(now)} for record in records]
        for content, record in zip(objects, records, strict=True):
            content["sha256"] = record.digest.hex()[:SHOWN_DIGITS] + "…"
            if record.former:
                content["former"] = [_time(former.expires) for former in record.former]
        click.echo(json.dumps(objects, indent=2, ensure_ascii=False))
        return
    if not records:
        click.echo(f"{path} has no keys. Create one: `tabento keys create --owner NAME`.")
        return
    head = ("ID", "OWNER", "SCOPES", "STATE", "ENDS", "REQUESTS/MIN", "ROWS/MIN", "SECRET")
    table = [
        (
            record.id,
            record.owner,
            _scopes(record.scopes),
            record.state(now),
            "never" if record.expires is None else _time(record.expires),
            str(record.requests_per_minute or "default"),
            str(record.rows_per_minute or "default"),
            record.hint,
        )
        for record in records
    ]
    widths = [max(map(len, column)) for column in zip(head, *table, strict=True)]
    for row in (head, *table):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_secret(secret: str) -> None:
    _tell("The secret, which is shown only now; send it as `X-API-Key: …` or `Authorization: Bearer …`:")
    click.echo(secret)


def _warn_about(path: Path) -> None:
    from tabento.keys.key_file import exposure

    if message := exposure(path):
        _tell(f"warning: {message}")


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _scopes(scopes: frozenset[str]) -> str:
    from tabento.keys.record import SCOPES

    return ",".join(scope for scope in SCOPES if scope in scopes)


def _time(time: datetime) -> str:
    from tabento.keys.record import time_text

    return time_text(time)


def _file_option() -> SectionedOption:
    return SectionedOption(
        ["--file"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"the key file (default: {FILE_VARIABLE}, else {DEFAULT_FILE})",
    )


def _end_option(help_text: str) -> SectionedOption:
    return SectionedOption(["--expires"], metavar="DURATION", help=help_text)


def _key_argument() -> click.Argument:
    return click.Argument(["key_id"], metavar="ID", help="the id of the key, as `tabento keys list` shows it")


command = ListedGroup(
    ENTRY.name,
    help=ENTRY.help,
    epilog=EXAMPLES,
    context_settings={**HELP_OPTIONS, **WIDTH},
    commands=[
        SectionedCommand(
            "create",
            callback=create,
            help="Create a key and print its secret once.",
            params=[
                SectionedOption(
                    ["--owner"], required=True, metavar="NAME", help="the person or program that uses the key"
                ),
                SectionedOption(
                    ["--scope"],
                    multiple=True,
                    default=("predict",),
                    type=click.Choice(("predict", "read", "feedback", "admin")),
                    help="a permission; repeatable (default: predict)",
                ),
                SectionedOption(
                    ["--id", "key_id"], metavar="ID", help="the id in lists and logs (default: the owner and a number)"
                ),
                SectionedOption(
                    ["--requests-per-minute"],
                    type=int,
                    metavar="N",
                    help="the limit of the key (default: the service's)",
                ),
                SectionedOption(
                    ["--rows-per-minute"], type=int, metavar="N", help="the limit of the key (default: the service's)"
                ),
                _end_option("the time until the key ends, such as 90d, 24h or 1y (default: no end)"),
                SectionedOption(
                    ["--demo"],
                    is_flag=True,
                    help=f"a key for strangers: {DEMO_REQUESTS_PER_MINUTE} requests a minute, unless --requests-per-minute says otherwise",
                ),
                SectionedOption(
                    ["--inline"], is_flag=True, help="write no file; print the value for TABENTO_API_KEYS to stderr"
                ),
                _file_option(),
                verbose_option(),
            ],
        ),
        SectionedCommand(
            "list",
            callback=list_keys,
            help="List all keys, without secrets.",
            params=[
                SectionedOption(["--json", "as_json"], is_flag=True, help="print JSON instead of a table"),
                _file_option(),
                verbose_option(),
            ],
        ),
        SectionedCommand(
            "revoke",
            callback=revoke,
            help="Refuse a key from now on.",
            params=[_key_argument(), _file_option(), verbose_option()],
        ),
        SectionedCommand(
            "rotate",
            callback=rotate,
            help="Give a key a new secret and print it once.",
            params=[
                _key_argument(),
                SectionedOption(
                    ["--overlap"],
                    metavar="DURATION",
                    help="the time for which the former secret is accepted too, such as 24h (default: none)",
                ),
                _end_option("a new end of the key, such as 90d (default: the present end stays)"),
                _file_option(),
                verbose_option(),
            ],
        ),
    ],
)
