"""The actions of ``tabento models``: each action reads or changes the registry and returns text and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabento.bundle.store import load_bundle
from tabento.errors import TabentoError
from training.config.metric_names import name_of
from training.model.metrics import HIGHER_IS_BETTER
from training.progress import Progress
from training.registry.ab import compare_arms, read_arm
from training.registry.action_arguments import ActionArguments
from training.registry.cached_answers import CachedAnswers
from training.registry.compare import compare
from training.registry.errors import RegistryError
from training.registry.filters import filter_versions
from training.registry.push import push_bundle
from training.registry.registry import Registry
from training.registry.served_champion import ServedChampion, connect
from training.registry.tables import (
    arm_rows,
    change_listing,
    comparison_rows,
    history_listing,
    metric_listing,
    number,
    version_json,
    version_listing,
    version_rows,
)
from training.registry.tracking import TrackingError
from training.registry.version import CHALLENGER, CHAMPION, Version


@dataclass(frozen=True)
class Answer:
    """The result of an action."""

    value: Any
    """The result as JSON."""
    report: Callable[[Progress], None]
    """The function that prints the result as text."""
    warning: str | None = None
    """The warning for stderr; None without a warning."""


def list_models(arguments: ActionArguments, registry: Registry) -> Answer:
    """List all models, or the versions of one."""
    if not arguments.name:
        return _all_models(registry)
    versions = filter_versions(registry.versions(arguments.name), arguments.where)
    metric = arguments.sort
    if metric is not None:
        sign = -1 if metric in HIGHER_IS_BETTER else 1
        # Versions without the metric are last.
        versions.sort(key=lambda version: (metric not in version.metrics, sign * version.metrics.get(metric, 0.0)))

    def report(progress: Progress) -> None:
        if versions:
            progress.table(f"{arguments.name}: {len(versions)} versions", version_rows(versions, arguments.sort))
        else:
            progress.say(f"no version of {arguments.name} meets {' and '.join(arguments.where) or 'the condition'}")

    return Answer([version_json(version) for version in versions], report)


def _all_models(registry: Registry) -> Answer:
    rows = [("model", "champion", "challenger", "versions")]
    value = []
    for name in registry.names():
        versions = registry.versions(name)
        numbers = {alias: version.number for version in versions for alias in version.aliases}
        champion, challenger = numbers.get(CHAMPION), numbers.get(CHALLENGER)
        rows.append((name, str(champion or "-"), str(challenger or "-"), str(len(versions))))
        value.append({"name": name, "champion": champion, "challenger": challenger, "versions": len(versions)})

    def report(progress: Progress) -> None:
        if value:
            progress.table("Registered models", rows)
        else:
            progress.say("no model is registered yet; `tabento train` registers one")

    return Answer(value, report)


def show(arguments: ActionArguments, registry: Registry) -> Answer:
    """Show a version: tags, metrics, parameters, description."""
    version = named_version(registry, arguments.name, arguments.version)
    params = registry.params(version)

    def report(progress: Progress) -> None:
        progress.listing(str(version), version_listing(version))
        progress.table("Metrics on the test part", metric_listing(version.metrics))
        if params:
            progress.listing("Parameters", sorted(params.items()))
        progress.say(f"\n{version.description}")

    return Answer(version_json(version) | {"params": params, "description": version.description}, report)


def find_best(arguments: ActionArguments, registry: Registry) -> Answer:
    """Find the version with the best value of a metric."""
    version = registry.best_version(arguments.name, arguments.metric)
    figure = number(version.metrics[arguments.metric])
    return Answer(
        version_json(version),
        lambda progress: progress.listing(
            f"{arguments.name}: the best {name_of(arguments.metric)} is {figure}", version_listing(version)
        ),
    )


def promote(arguments: ActionArguments, registry: Registry) -> Answer:
    """Make a version the champion."""
    version = named_version(registry, arguments.name, arguments.version)
    served = _served_champion(arguments)
    if served is not None:
        served.check(version.bundle_tag)
    before = registry.promote(arguments.name, version.number, user=arguments.user, reason=arguments.reason)
    return _champion_change(arguments, served, registry.version(arguments.name, version.number), before)


def rollback(arguments: ActionArguments, registry: Registry) -> Answer:
    """Make the previous champion the champion again."""
    before = registry.champion(arguments.name)
    served = _served_champion(arguments)
    if served is not None:
        served.check(registry.previous_champion(arguments.name).bundle_tag)
    champion = registry.rollback(arguments.name, user=arguments.user, reason=arguments.reason)
    return _champion_change(arguments, served, champion, before)


def _served_champion(arguments: ActionArguments) -> ServedChampion | None:
    """Return the champion of the service that changes with the registry; None if there is no service."""
    return None if arguments.service is None else ServedChampion(connect(arguments.service), arguments.name)


def _champion_change(
    arguments: ActionArguments, served: ServedChampion | None, champion: Version, before: Version | None
) -> Answer:
    """Change the champion of the service as well, and return the answer.

    Raises:
        RegistryError: the service did not follow; the registry has the new champion.
    """
    outcome = None
    if served is not None:
        try:
            outcome = served.change(champion.bundle_tag, arguments.user, arguments.reason)
        except TabentoError as error:
            raise RegistryError(
                f"{champion} is the champion of the registry now, but the service did not follow: {error} Repeat it with `tabento"
                f" rollout champion {champion.bundle_tag} --service {arguments.service}`, or take the registry back with `tabento"
                f" models rollback {champion.name}`."
            ) from error
    value = {
        "champion": champion.number,
        "bundle": champion.bundle_tag,
        "previous_version": None if before is None else before.number,
        "previous_bundle": None if before is None else before.bundle_tag,
        **({} if outcome is None else {"service": outcome}),
    }

    def report(progress: Progress) -> None:
        was = (
            "there was no previous champion"
            if before is None
            else f"the previous champion was {before}, {before.bundle_tag}"
        )
        progress.say(f"{champion} is the champion now, {champion.bundle_tag}; {was}")
        if outcome is not None:
            progress.say(outcome)

    return Answer(value, report)


def compare_versions(arguments: ActionArguments, registry: Registry) -> Answer:
    """Compare two versions."""
    first, second = (named_version(registry, arguments.name, label) for label in (arguments.first, arguments.second))
    comparison = compare(registry, arguments.name, first.number, second.number)

    def report(progress: Progress) -> None:
        progress.table("Metrics on the test part", comparison_rows(comparison))
        progress.listing("Other differences", change_listing(comparison))

    return Answer(comparison.model_dump(mode="json"), report)


def history(arguments: ActionArguments, registry: Registry) -> Answer:
    """Show who changed the champion when and why."""
    events = registry.history(arguments.name)

    def report(progress: Progress) -> None:
        if events:
            progress.listing(f"{arguments.name}: champions, the newest first", history_listing(events))
        else:
            progress.say(f"{arguments.name} has had no champion yet; `tabento models promote` makes one")

    return Answer([event.model_dump(mode="json") for event in events], report)


def resolve(arguments: ActionArguments, registry: Registry) -> Answer:
    """Print the tag of the bundle that a name refers to, alone on a line.

    If the registry cannot be reached, the action uses its last answer on this computer, unless ``--online`` is set.

    Raises:
        TrackingError: the registry cannot be reached, and no cached answer has its bundle in the local store.
    """
    cached_answers = CachedAnswers(registry.address)
    try:
        version = registry.resolve(arguments.model)
        if arguments.fetch:
            registry.bundle(version)
    except TrackingError as error:
        answer = cached_answers.recall(arguments.model)
        if arguments.online or answer is None or not answer.is_stored_locally:
            raise
        return _resolved_bundle(
            answer.name,
            answer.number,
            answer.bundle_tag,
            f"{error} {arguments.model} is resolved by the registry's last answer"
            f" ({answer.answered_at}): version {answer.number}, {answer.bundle_tag}, which is in the local store.",
        )
    cached_answers.remember(arguments.model, version)
    return _resolved_bundle(version.name, version.number, version.bundle_tag)


def _resolved_bundle(name: str, number: int, bundle_tag: str, warning: str | None = None) -> Answer:
    def report(progress: Progress) -> None:
        progress.say(bundle_tag)

    return Answer({"name": name, "version": number, "bundle": bundle_tag}, report, warning)


def push(arguments: ActionArguments, registry: Registry) -> Answer:
    """Copy a bundle to an object store, from which services fetch it. A tag needs no registry."""
    reference = arguments.model
    bundle = load_bundle(reference) if ":" in reference else registry.bundle(registry.resolve(reference))
    pushed = push_bundle(bundle, arguments.url)
    words = f"{pushed.bytes:,} bytes were uploaded" if pushed.uploaded else "it was there already"
    return Answer(
        pushed.model_dump(mode="json"), lambda progress: progress.say(f"{pushed.bundle} is in {pushed.url}; {words}")
    )


def ab(arguments: ActionArguments, _registry: Registry) -> Answer:
    """Compare two models by their live traffic. The registry is not used."""
    a, b = read_arm(Path(arguments.a)), read_arm(Path(arguments.b))
    result = compare_arms(a, b)

    def report(progress: Progress) -> None:
        progress.table("Live traffic", arm_rows(a, b, result))
        progress.say(f"\n{result.verdict}: {result.reason} ({result.test} test)")

    return Answer(result.model_dump(mode="json"), report)


def named_version(registry: Registry, name: str, label: str) -> Version:
    """Return a version by its number or alias.

    Raises:
        RegistryError: there is no such model or version.
    """
    return registry.version(name, int(label)) if label.isdecimal() else registry.resolve(f"{name}@{label}")


ACTIONS: Mapping[str, Callable[[ActionArguments, Registry], Answer]] = {
    "list": list_models,
    "show": show,
    "best": find_best,
    "promote": promote,
    "rollback": rollback,
    "compare": compare_versions,
    "history": history,
    "resolve": resolve,
    "push": push,
    "ab": ab,
}
"""The actions by their name on the command line."""
