"""``tabento models``: what is registered, and which version serves.

Everything comes from the registry; what ``resolve`` prints is a tag that ``bentoml serve`` takes. With ``--json`` stdout
is one JSON value.
"""

from __future__ import annotations

from typing import Any

import click

from tabento.command_line.commands import (
    HELP_OPTIONS,
    WIDTH,
    SectionedCommand,
    SectionedOption,
    verbose_option,
)
from tabento.command_line.groups import ListedGroup
from training.commands.options import Invocation, tracking_options
from training.registry.action_arguments import ActionArguments

EXAMPLES = """examples:
  tabento models list
  tabento models list NAME --where 'wmape<8' --sort rmse
  tabento models best NAME --metric rmse
  tabento models promote NAME challenger --why "better on every slice"
  tabento models promote NAME challenger --why "better on every slice" --service https://models.example.org
  tabento models rollback NAME --why "complaints since noon"
  tabento models compare NAME champion challenger
  tabento models push NAME@champion s3://bucket/bundles
  bentoml serve service:Tabento --host 127.0.0.1 --arg model=$(tabento models resolve NAME@champion --fetch)

A VERSION is a number, or an alias such as champion or challenger. docs/registry.md has the details.
"""


def run_action(invocation: Invocation, action: str, as_json: bool, arguments: ActionArguments) -> None:
    """Run an action of the registry and print its answer.

    Raises:
        RegistryError: the model or version does not exist, or the action is not allowed; the message lists the choices.
        TrackingError: MLflow cannot be used.
        BundleError, SaveError: a bundle cannot be fetched.
    """
    settings, progress = invocation.begin(moves_registry=True, needs_home=True, finishes_records=True)
    from tabento.bundle.json_text import json_text
    from training.registry.actions import ACTIONS
    from training.registry.registry import Registry

    answer = ACTIONS[action](arguments, Registry(settings))
    if answer.warning is not None:
        progress.warn(answer.warning)
    if as_json:
        progress.say(json_text(answer.value).rstrip())
    else:
        answer.report(progress)


def _action(name: str, help_text: str, *parameters: click.Parameter) -> SectionedCommand:
    """Return the command of one action."""

    def callback(invocation: Invocation, as_json: bool, **values: Any) -> None:
        run_action(
            invocation,
            name,
            as_json,
            ActionArguments(**{key: value for key, value in values.items() if value is not None}),
        )

    common = [
        SectionedOption(["--json", "as_json"], is_flag=True, help="print JSON instead of tables"),
        *tracking_options(),
        verbose_option(),
    ]
    return SectionedCommand(name, callback=click.pass_obj(callback), help=help_text, params=[*parameters, *common])


def _argument(name: str, help_text: str) -> click.Argument:
    return click.Argument([name.lower()], metavar=name, help=help_text)


def _model() -> click.Argument:
    return _argument("NAME", "the model")


def _version() -> click.Argument:
    return _argument("VERSION", "a number or an alias")


def _reasons() -> list[click.Parameter]:
    return [
        SectionedOption(["--why", "reason"], required=True, metavar="REASON", help="the reason, for the history"),
        SectionedOption(
            ["--who", "user"],
            metavar="WHO",
            help="the responsible person (default: git's user name, else the account's)",
        ),
    ]


def _service() -> click.Parameter:
    return SectionedOption(
        ["--service"],
        metavar="URL",
        help="change the champion of this running service as well, with the key of TABENTO_API_KEY",
    )


command = ListedGroup(
    "models",
    help="Look into the registry, and decide which version serves.",
    epilog=EXAMPLES,
    context_settings={**HELP_OPTIONS, **WIDTH},
    commands=[
        _action(
            "list",
            "List models, or the versions of one with their metrics.",
            click.Argument(["name"], required=False, metavar="[NAME]", help="the model (default: all models)"),
            SectionedOption(["--where"], multiple=True, metavar="CONDITION", help="such as 'wmape<8'; repeatable"),
            SectionedOption(["--sort"], metavar="METRIC", help="the best first (default: the newest first)"),
        ),
        _action("show", "Show all that is known about a version.", _model(), _version()),
        _action(
            "best",
            "Find the version with the best value of a metric.",
            _model(),
            SectionedOption(
                ["--metric"],
                required=True,
                metavar="METRIC",
                help="such as rmse or roc_auc; whether low or high is better is known",
            ),
        ),
        _action("promote", "Make a version the champion.", _model(), _version(), *_reasons(), _service()),
        _action("rollback", "Make the previous champion the champion again.", _model(), *_reasons(), _service()),
        _action(
            "compare",
            "Compare two versions.",
            _model(),
            _argument("FIRST", "a number or an alias"),
            _argument("SECOND", "another number or alias"),
        ),
        _action("history", "Show who changed the champion, when and why.", _model()),
        _action(
            "resolve",
            "Print the tag of the bundle that a name means.",
            _argument("MODEL", "NAME@champion, NAME/3, NAME/production or NAME alone for its champion"),
            SectionedOption(["--fetch"], is_flag=True, help="copy the bundle into the local store if it is not there"),
            SectionedOption(
                ["--online"],
                is_flag=True,
                help="fail if the registry cannot be reached, even if its last answer is known",
            ),
        ),
        _action(
            "push",
            "Copy a bundle to an object store, from which services fetch it.",
            _argument("MODEL", "the tag of a stored bundle, or NAME@champion, NAME/3 or NAME"),
            _argument("URL", "the fsspec URL of the folder of all bundles, such as s3://bucket/bundles"),
        ),
        _action(
            "ab",
            "Compare two models by their live traffic.",
            _argument("A", "JSON file of the model in service: name, requests, successes, latencies_ms"),
            _argument("B", "the same of the other model"),
        ),
    ],
)
