"""The actions of ``tabento models``: each asks the registry and gives an answer for people and one for programs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.metric_names import name_of
from training.metrics import HIGHER_IS_BETTER
from training.progress import Progress
from training.registry.ab import compare_arms, read_arm
from training.registry.compare import compare
from training.registry.filters import matching
from training.registry.last_known import LastKnownAnswers
from training.registry.registry import Registry
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
from training.registry.version import CHALLENGER, CHAMPION, Version
from training.tracking import TrackingError


@dataclass(frozen=True)
class Answer:
    """What an action found or did."""

    value: Any
    """As JSON."""
    tell: Callable[[Progress], None]
    """Tells people."""
    warning: str | None = None
    """What people and programs have to know of it, for stderr."""


def list_models(given: argparse.Namespace, registry: Registry) -> Answer:
    """List all models, or the versions of one."""
    if given.name is None:
        return _all_models(registry)
    versions = matching(registry.versions(given.name), given.where)
    if given.sort is not None:
        sign = -1 if given.sort in HIGHER_IS_BETTER else 1
        # Those without the figure come last.
        versions.sort(key=lambda one: (given.sort not in one.metrics, sign * one.metrics.get(given.sort, 0.0)))

    def tell(progress: Progress) -> None:
        if versions:
            progress.table(f"{given.name}: {len(versions)} versions", version_rows(versions, given.sort))
        else:
            progress.say(f"no version of {given.name} meets {' and '.join(given.where) or 'that'}")

    return Answer([version_json(one) for one in versions], tell)


def _all_models(registry: Registry) -> Answer:
    rows = [("model", "champion", "challenger", "versions")]
    value = []
    for name in registry.names():
        versions = registry.versions(name)
        numbers = {alias: one.number for one in versions for alias in one.aliases}
        champion, challenger = numbers.get(CHAMPION), numbers.get(CHALLENGER)
        rows.append((name, str(champion or "-"), str(challenger or "-"), str(len(versions))))
        value.append({"name": name, "champion": champion, "challenger": challenger, "versions": len(versions)})

    def tell(progress: Progress) -> None:
        if value:
            progress.table("Registered models", rows)
        else:
            progress.say("no model is registered yet; `tabento train` registers one")

    return Answer(value, tell)


def show(given: argparse.Namespace, registry: Registry) -> Answer:
    """Show a version: tags, figures, parameters, description."""
    version = named_version(registry, given.name, given.version)
    params = registry.params(version)

    def tell(progress: Progress) -> None:
        progress.listing(str(version), version_listing(version))
        progress.table("Metrics on the test part", metric_listing(version.metrics))
        if params:
            progress.listing("Parameters", sorted(params.items()))
        progress.say(f"\n{version.description}")

    return Answer(version_json(version) | {"params": params, "description": version.description}, tell)


def best(given: argparse.Namespace, registry: Registry) -> Answer:
    """Find the version with the best figure of a metric."""
    version = registry.best(given.name, given.metric)
    figure = number(version.metrics[given.metric])
    return Answer(
        version_json(version),
        lambda progress: progress.listing(
            f"{given.name}: the best {name_of(given.metric)} is {figure}", version_listing(version)
        ),
    )


def promote(given: argparse.Namespace, registry: Registry) -> Answer:
    """Make a version the champion."""
    version = named_version(registry, given.name, given.version)
    before = registry.promote(given.name, version.number, who=given.who, why=given.why)
    return _changed(registry.version(given.name, version.number), before)


def rollback(given: argparse.Namespace, registry: Registry) -> Answer:
    """Put the champion before back."""
    before = registry.champion(given.name)
    return _changed(registry.rollback(given.name, who=given.who, why=given.why), before)


def _changed(champion: Version, before: Version | None) -> Answer:
    value = {
        "champion": champion.number,
        "bundle": champion.bundle_tag,
        "previous_version": None if before is None else before.number,
        "previous_bundle": None if before is None else before.bundle_tag,
    }

    def tell(progress: Progress) -> None:
        was = "there was none before" if before is None else f"before it was {before}, {before.bundle_tag}"
        progress.say(f"{champion} is the champion now, {champion.bundle_tag}; {was}")

    return Answer(value, tell)


def compare_versions(given: argparse.Namespace, registry: Registry) -> Answer:
    """Show two versions side by side."""
    first, second = (named_version(registry, given.name, which) for which in (given.first, given.second))
    found = compare(registry, given.name, first.number, second.number)

    def tell(progress: Progress) -> None:
        progress.table("Metrics on the test part", comparison_rows(found))
        progress.listing("What else differs", change_listing(found))

    return Answer(found.model_dump(mode="json"), tell)


def history(given: argparse.Namespace, registry: Registry) -> Answer:
    """Show who changed the champion when and why."""
    events = registry.history(given.name)

    def tell(progress: Progress) -> None:
        if events:
            progress.listing(f"{given.name}: champions, the newest first", history_listing(events))
        else:
            progress.say(f"{given.name} has had no champion yet; `tabento models promote` makes one")

    return Answer([event.model_dump(mode="json") for event in events], tell)


def resolve(given: argparse.Namespace, registry: Registry) -> Answer:
    """Say which bundle a name means; its tag stands alone on a line.

    If the registry cannot be reached, its last answer on this machine counts, unless ``--online`` was given.

    Raises:
        TrackingError: the registry cannot be reached, and there is no last answer whose bundle is here.
    """
    known = LastKnownAnswers(registry.address)
    try:
        version = registry.resolve(given.model)
        if given.fetch:
            registry.bundle(version)
    except TrackingError as error:
        last = known.recall(given.model)
        if given.online or last is None or not last.is_here:
            raise
        return _resolved(
            last.name,
            last.number,
            last.bundle_tag,
            f"{error} {given.model} is taken to be what the registry"
            f" said at {last.answered_at}: version {last.number}, {last.bundle_tag}, which is in the local store.",
        )
    known.remember(given.model, version)
    return _resolved(version.name, version.number, version.bundle_tag)


def _resolved(name: str, number: int, bundle_tag: str, warning: str | None = None) -> Answer:
    def tell(progress: Progress) -> None:
        progress.say(bundle_tag)

    return Answer({"name": name, "version": number, "bundle": bundle_tag}, tell, warning)


def ab(given: argparse.Namespace, _registry: Registry) -> Answer:
    """Compare two models by their live traffic; the registry is not asked."""
    a, b = read_arm(Path(given.a)), read_arm(Path(given.b))
    result = compare_arms(a, b)

    def tell(progress: Progress) -> None:
        progress.table("Live traffic", arm_rows(a, b, result))
        progress.say(f"\n{result.verdict}: {result.reason} ({result.test} test)")

    return Answer(result.model_dump(mode="json"), tell)


def named_version(registry: Registry, name: str, which: str) -> Version:
    """Return a version by its number or alias.

    Raises:
        RegistryError: there is no such model or version.
    """
    return registry.version(name, int(which)) if which.isdecimal() else registry.resolve(f"{name}@{which}")


ACTIONS: Mapping[str, Callable[[argparse.Namespace, Registry], Answer]] = {
    "list": list_models,
    "show": show,
    "best": best,
    "promote": promote,
    "rollback": rollback,
    "compare": compare_versions,
    "history": history,
    "resolve": resolve,
    "ab": ab,
}
"""The actions by the word on the command line."""
