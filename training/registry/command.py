"""``tabento models``: what is registered, and which version serves.

Everything comes from the registry; what ``resolve`` prints is a tag that ``bentoml serve`` takes. With ``--json`` stdout
is one JSON value.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.progress import Progress
    from training.settings import TrainingSettings

EXAMPLES = """examples:
  tabento models list
  tabento models list NAME --where 'wmape<8' --sort rmse
  tabento models best NAME --metric rmse
  tabento models promote NAME challenger --why "better on every slice"
  tabento models rollback NAME --why "complaints since noon"
  tabento models compare NAME champion challenger
  bentoml serve service:Tabento --arg model=$(tabento models resolve NAME@champion --fetch)

A VERSION is a number, or an alias such as champion or challenger. docs/registry.md explains it all.
"""


def add_models(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``models`` with its actions.

    Args:
        commands: what ``ArgumentParser.add_subparsers`` returned.
        parents: parsers with what all subcommands share.
    """
    command = commands.add_parser(
        "models",
        help="list, compare, promote and roll back registered models",
        description="Look into the registry and say which version serves.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False, parents=list(parents))
    common.add_argument("--json", dest="as_json", action="store_true", help="print JSON instead of tables")
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, help_text: str, *positional: tuple[str, str]) -> argparse.ArgumentParser:
        action: argparse.ArgumentParser = actions.add_parser(
            name, parents=[common], help=help_text, description=help_text[0].upper() + help_text[1:] + "."
        )
        for metavar, said in positional:
            action.add_argument(metavar.lower(), metavar=metavar, help=said)
        return action

    model, version = ("NAME", "the model"), ("VERSION", "a number or an alias")
    listing = add("list", "list models, or the versions of one with their metrics")
    listing.add_argument("name", nargs="?", metavar="NAME", help="the model (default: all models)")
    listing.add_argument(
        "--where", action="append", default=[], metavar="CONDITION", help="such as 'wmape<8'; repeatable"
    )
    listing.add_argument("--sort", metavar="METRIC", help="the best first (default: the newest first)")
    add("show", "show all that is known of a version", model, version)
    add("best", "find the version with the best figure", model).add_argument(
        "--metric", required=True, metavar="METRIC", help="such as rmse or roc_auc; which way is better is known"
    )
    for action in (
        add("promote", "make a version the champion", model, version),
        add("rollback", "put the champion before back", model),
    ):
        action.add_argument("--why", required=True, metavar="REASON", help="the reason, for the history")
        action.add_argument("--who", metavar="WHO", help="who does it (default: git's user name, else the account's)")
    add("compare", "show two versions side by side", model, ("FIRST", "a number or an alias"), ("SECOND", "another"))
    add("history", "show who changed the champion when and why", model)
    resolving = add(
        "resolve",
        "print the tag of the bundle that a name means",
        ("MODEL", "NAME@champion, NAME/3, NAME/production or NAME alone for its champion"),
    )
    resolving.add_argument(
        "--fetch", action="store_true", help="bring the bundle into the local store if it is not there"
    )
    resolving.add_argument(
        "--online", action="store_true", help="fail if the registry cannot be reached, even if its last answer is known"
    )
    add(
        "ab",
        "compare two models by their live traffic",
        ("A", "JSON file of the model in service: name, requests, successes, latencies_ms"),
        ("B", "the same of the other model"),
    )


def run_models(given: argparse.Namespace, settings: TrainingSettings, progress: Progress) -> int:
    """Run an action and return the exit code, 0.

    Raises:
        RegistryError: there is no such model or version, or it may not be done; the message says what there is.
        TrackingError: MLflow cannot be used.
        BundleError, SaveError: a bundle cannot be fetched.
    """
    from training.registry.actions import ACTIONS
    from training.registry.registry import Registry
    from training.save import to_json

    answer = ACTIONS[given.action](given, Registry(settings))
    if answer.warning is not None:
        progress.warn(answer.warning)
    if given.as_json:
        progress.say(to_json(answer.value).rstrip())
    else:
        answer.tell(progress)
    return 0
