"""``tabento rollout``: start, look at, step, promote and abort a rollout, on a running service or on its document. See docs/rollout.md."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from rollout.commands.targets import FileTarget, ServiceTarget, Target, is_loading
from rollout.commands.texts import history_lines, status_lines
from rollout.commands.values import (
    DEFAULT_HOLD,
    parse_duration,
    parse_limits,
    parse_share,
    parse_steps,
    parse_sticky,
)
from tabento.remote.service_client import DEFAULT_URL, KEY_VARIABLE, ServiceClient
from tabento.user_name import user_name

HELP_OPTIONS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
URL_VARIABLE = "TABENTO_SERVICE_URL"
"""The environment variable with the address of the service; it is no setting of the service itself."""
WAIT = "60s"
EXIT_REFUSED = 3
"""The exit code if the document was changed, but the service does not use the version."""
EXAMPLES = """\b
examples:
  tabento rollout start NAME:VERSION --why "trained on October's data"
  tabento rollout start NAME:VERSION --mode canary --steps 1%,10%,50%,100% --hold 1h --why "as good in the shadow"
  tabento rollout start NAME:VERSION --mode canary --sticky header:x-user --limit error_rate=2% --limit p99_ms=50 --why "…"
  tabento rollout status
  tabento rollout step NAME --why "quiet so far"
  tabento rollout promote NAME --why "better on every slice"
  tabento rollout abort NAME --why "complaints since noon"
  tabento rollout champion NAME --previous --why "the promotion was a mistake"
  tabento rollout forget NAME --why "the image has the version"
  tabento rollout history NAME
  tabento rollout report NAME --page report.html

The API key of the service, with the scope admin, is read from TABENTO_API_KEY.
"""
Function = TypeVar("Function", bound=Callable[..., Any])


class _OrderedGroup(click.Group):
    """A group that lists its commands in the order of their use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in their order."""
        return list(self.commands)


@click.group("rollout", cls=_OrderedGroup, context_settings=HELP_OPTIONS, epilog=EXAMPLES)
def command() -> None:
    """Try a version beside the present one, and promote it or go back."""


def _target_options(function: Function) -> Function:
    """Add the options that name the service or the file."""
    for option in (
        click.option("--key-variable", default=KEY_VARIABLE, show_default=True, help="the variable with the API key"),
        click.option(
            "--file", type=click.Path(dir_okay=False, path_type=Path), help="change this document instead of a service"
        ),
        click.option(
            "--service",
            "url",
            envvar=URL_VARIABLE,
            help=f"address of the service [default: {URL_VARIABLE}, else {DEFAULT_URL}]",
        ),
    ):
        function = option(function)
    return function


def _change_options(needs_reason: bool) -> Callable[[Function], Function]:
    """Return a decorator that adds the options of a change."""

    def add(function: Function) -> Function:
        for option in (
            click.option(
                "--wait",
                default=WAIT,
                show_default=True,
                help="the time in which the service should follow; 0s does not wait",
            ),
            click.option(
                "--revision", type=click.IntRange(0), help="refuse the change if the document has another revision"
            ),
            click.option("--who", "user", help="the responsible person [default: git's user name, else the account's]"),
            click.option("--why", "reason", required=needs_reason, default="", help="the reason, for the history"),
        ):
            function = option(function)
        return _target_options(function)

    return add


@command.command(short_help="Try a version beside the present one.")
@click.argument("tag")
@click.option("--mode", type=click.Choice(["shadow", "canary"]), default="shadow", show_default=True)
@click.option("--champion", help="the present version, if neither document nor service knows it")
@click.option(
    "--steps", default="1%,10%,50%,100%", show_default=True, help="shares of a canary; 1%:30m has a time of its own"
)
@click.option("--hold", default=DEFAULT_HOLD, show_default=True, help="the time for which each step lasts at least")
@click.option("--sticky", default="key", show_default=True, help="key, request, header:NAME or field:NAME")
@click.option("--limit", "limits", multiple=True, help="such as error_rate=2%, p99_ms=50, answer_drift=off; repeatable")
@click.option(
    "--advance",
    type=click.Choice(["automatic", "manual"]),
    default="automatic",
    show_default=True,
    help="who begins the next step",
)
@click.option(
    "--promote",
    "promotion",
    type=click.Choice(["manual", "automatic"]),
    default="manual",
    show_default=True,
    help="who promotes",
)
@_change_options(needs_reason=True)
def start(
    tag: str,
    mode: str,
    champion: str | None,
    steps: str,
    hold: str,
    sticky: str,
    limits: tuple[str, ...],
    advance: str,
    promotion: str,
    **options: Any,
) -> None:
    """Try the version TAG (NAME:VERSION) in the shadow, or as a canary that answers a share of the requests."""
    request = {
        "action": "start",
        "tag": tag,
        "champion": champion,
        "mode": mode,
        "steps": parse_steps(steps, hold),
        "sticky": parse_sticky(sticky),
        "limits": parse_limits(limits),
        "advance": advance,
        "promote": promotion,
    }
    _change(tag.partition(":")[0], request, **options)


@command.command(short_help="Show the wanted and the live versions.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="print JSON")
@_target_options
def status(name: str | None, as_json: bool, url: str | None, file: Path | None, key_variable: str) -> None:
    """Show the wanted and the live versions of the model NAME, or of all models in the document."""
    content = _target(url, file, key_variable).read(name)
    if as_json:
        click.echo(json.dumps(content, indent=2))
        return
    names = [name] if name is not None else sorted(content["document"]["models"])
    _print(status_lines(content, names))
    if not names:
        click.echo("the document lists no model: each is served as the settings say")


@command.command(short_help="Let a canary take its next step, or another one.")
@click.argument("name")
@click.option("--share", help="go to the step with this share instead of the next one, such as 10%")
@_change_options(needs_reason=False)
def step(name: str, share: str | None, **options: Any) -> None:
    """Let the canary of the model NAME take its next step now, or go to another step."""
    _change(name, {"action": "step", "model": name, "share": None if share is None else parse_share(share)}, **options)


@command.command(short_help="Approve the challenger: it becomes the champion.")
@click.argument("name")
@click.option("--early", is_flag=True, help="also if the challenger was not at its last step")
@_change_options(needs_reason=True)
def promote(name: str, early: bool, **options: Any) -> None:
    """Approve the challenger of the model NAME: it becomes the champion."""
    _change(name, {"action": "promote", "model": name, "early": early}, **options)


@command.command(short_help="Take all traffic from the challenger.")
@click.argument("name")
@_change_options(needs_reason=False)
def abort(name: str, **options: Any) -> None:
    """Take all traffic from the challenger of the model NAME; the champion answers."""
    _change(name, {"action": "abort", "model": name}, **options)


@command.command(short_help="Let a version answer all requests at once.")
@click.argument("tag")
@click.option("--previous", is_flag=True, help="go back to the former champion; TAG is the model's name then")
@_change_options(needs_reason=True)
def champion(tag: str, previous: bool, **options: Any) -> None:
    """Let the version TAG (NAME:VERSION) answer all requests at once, without a trial."""
    if previous is (":" in tag):
        raise click.UsageError("give NAME:VERSION, or NAME with --previous")
    name = tag.partition(":")[0]
    _change(name, {"action": "champion"} | ({"model": name} if previous else {"tag": tag}), **options)


@command.command(short_help="Remove a model from the document.")
@click.argument("name")
@_change_options(needs_reason=True)
def forget(name: str, **options: Any) -> None:
    """Remove the model NAME from the document: from its next start on, the service uses the version of its settings."""
    _change(name, {"action": "forget", "model": name}, **options)


@command.command(short_help="Show who changed which model when and why.")
@click.argument("name", required=False)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1_000), help="number of changes")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
@_target_options
def history(name: str | None, limit: int, as_json: bool, url: str | None, file: Path | None, key_variable: str) -> None:
    """Show who changed which model when and why, the newest change first."""
    changes = _target(url, file, key_variable).history(name, limit)
    if as_json:
        click.echo(json.dumps(changes, indent=2))
    else:
        _print(history_lines(changes))


@command.command(short_help="Print the report on the running trials, or write it as a page.")
@click.argument("name", required=False)
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), help="write the report as a page to this file")
@click.option("--service", "url", envvar=URL_VARIABLE, help="address of the service")
@click.option("--key-variable", default=KEY_VARIABLE, show_default=True, help="the variable with the API key")
def report(name: str | None, page: Path | None, url: str | None, key_variable: str) -> None:
    """Print the report on the running trials of a service as JSON, or write it as a page for a browser."""
    target = _service(url, key_variable)
    if page is None:
        click.echo(json.dumps(target.report(name), indent=2))
        return
    page.write_bytes(target.report_page(name))
    click.echo(str(page))


def _change(
    name: str,
    request: dict[str, Any],
    *,
    user: str | None,
    reason: str,
    revision: int | None,
    wait: str,
    url: str | None,
    file: Path | None,
    key_variable: str,
) -> None:
    """Make a change, wait until the service has followed it, and print the state of the model."""
    wait_s = parse_duration(wait)
    target = _target(url, file, key_variable)
    values = {name: value for name, value in request.items() if value is not None}
    signed = {"who": user or user_name(), "why": reason} | ({} if revision is None else {"revision": revision})
    content = target.change(values | signed)
    if isinstance(target, ServiceTarget) and wait_s:
        content = target.wait(name, content, wait_s)
    _print(status_lines(content, [name]))
    state = content.get("models", {}).get(name)
    if wait_s and state is not None and (state["differs_because"] is not None or is_loading(state)):
        raise click.exceptions.Exit(EXIT_REFUSED)


def _target(url: str | None, file: Path | None, key_variable: str) -> Target:
    if file is None:
        return _service(url, key_variable)
    if url is not None and os.environ.get(URL_VARIABLE) != url:
        raise click.UsageError("give --service or --file, not both")
    return FileTarget(file)


def _service(url: str | None, key_variable: str) -> ServiceTarget:
    try:
        return ServiceTarget(ServiceClient(url or DEFAULT_URL, os.environ.get(key_variable)))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--service") from None


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
