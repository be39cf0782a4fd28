"""The registry: every model that passed its gate, which of them serves, and how it came to that.

Moving an alias is one step in MLflow, so that promoting and rolling back take effect at once or not at all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from bundle.format import MANIFEST_FILE
from bundle.manifest import sha256_of
from bundle.store import Bundle, read_bundle
from training.registry.catalogue import Catalogue
from training.registry.errors import RegistryError
from training.registry.files import upload
from training.registry.history import Event, champions
from training.registry.version import (
    BUNDLE_TAG,
    CHALLENGER,
    CHAMPION,
    MANIFEST_TAG,
    METRICS_TAG,
    MODEL_PATH_TAG,
    PIPELINE_TAG,
    STAGE_TAG,
    Stage,
    Version,
)
from training.tracking import tracking_uri
from training.tracking.exclusive import exclusive_database
from training.tracking.names import key, text
from training.tracking.who import who as current_user

HEADLINES = ("rmse", "r2", "mape", "wmape", "roc_auc", "f1", "accuracy")
"""The metrics that are tags of their own as well, so that MLflow's pages can be searched by them."""


DESCRIPTION_LIMIT = 5000
"""MLflow's databases keep so many characters of a description."""
_MORE = "\n\n… The whole text is `card.md` of the bundle, among the files of the version."


class Registry(Catalogue):
    """The catalogue, and what changes it: registering, promoting, rolling back."""

    def register(
        self,
        *,
        name: str,
        bundle_tag: str,
        pipeline_tag: str | None,
        run_id: str | None,
        metrics: Mapping[str, float],
        tags: Mapping[str, Any],
        description_markdown: str,
        bundle_folder: Path,
    ) -> Version:
        """Register a bundle as a new version and make it the challenger.

        The bundle's files are recorded under its run, so that who has the registry has the model. A bundle that is
        registered already gets no second version.

        Args:
            name: the model's name.
            bundle_tag: the bundle's tag in the BentoML model store.
            pipeline_tag: the fitted pipeline's tag there.
            run_id: the run that made it; None makes a run of its own.
            metrics: the figures on the test part.
            tags: what people search by: algorithm, task, number of features, checksum of the data, …
            description_markdown: the model card, or a part of it.
            bundle_folder: where the bundle is.

        Raises:
            TrackingError: MLflow cannot be used; nothing is registered as challenger.
            BundleError: the folder holds no bundle that verifies.
        """
        bundle = read_bundle(bundle_folder, bundle_tag)
        with exclusive_database(tracking_uri(self._settings)):
            version = self.find(bundle_tag)
            if version is None:
                version = self._created(name, bundle, pipeline_tag, run_id, metrics, tags, description_markdown)
        if CHAMPION not in version.aliases:
            before = self.challenger(name)
            self._point(name, CHALLENGER, version.number)
            if before is not None and before.number != version.number:
                self._mark(before, "archived")
            self._mark(version, "staging")
        return self.version(name, version.number)

    def promote(self, name: str, number: int, *, who: str | None = None, why: str) -> Version | None:
        """Make a version the champion.

        Args:
            name: the model.
            number: the version.
            who: the person or job; by default the user.
            why: the reason.

        Returns:
            The champion before; None where there was none.

        Raises:
            RegistryError: there is no such model or version, it is the champion already, or no reason is given.
            TrackingError: MLflow cannot be used; the champion is as it was.
        """
        version = self.version(name, number)
        before = self.champion(name)
        if before is not None and before.number == number:
            raise RegistryError(f"{version} is the champion already.")
        self._crown(version, before, "promote", who, why)
        return before

    def rollback(self, name: str, *, who: str | None = None, why: str) -> Version:
        """Make the champion before the champion again, and return it. Nothing is trained, built or moved.

        Args:
            name: the model.
            who: the person or job; by default the user.
            why: the reason.

        Raises:
            RegistryError: there is no such model, no champion, none before it, or no reason is given.
            TrackingError: MLflow cannot be used; the champion is as it was.
        """
        current = self.champion(name)
        there = {one.number: one for one in self.versions(name)}
        if current is None:
            raise RegistryError(f"{name} has no champion, so there is nothing to roll back.")
        stack = [number for number in champions(self.history(name)) if number in there]
        while stack and stack[-1] == current.number:
            stack.pop()
        if not stack:
            raise RegistryError(f"{name} had no champion before version {current.number}; promote another version.")
        target = there[stack[-1]]
        self._crown(target, current, "rollback", who, why)
        return self.version(name, target.number)

    def _created(
        self,
        name: str,
        bundle: Bundle,
        pipeline_tag: str | None,
        run_id: str | None,
        metrics: Mapping[str, float],
        tags: Mapping[str, Any],
        description: str,
    ) -> Version:
        connection = self._connection()
        if run_id is None:
            experiment_id = connection.experiment(name)
            run = connection.call(
                "make a run", lambda client: client.create_run(experiment_id, run_name=f"register {bundle.tag}")
            )
            run_id = str(run.info.run_id)
            connection.call("end a run", lambda client: client.set_terminated(run_id))
        own_run = run_id
        place = upload(connection, own_run, bundle)
        known = {
            **{metric: f"{metrics[metric]:.6g}" for metric in HEADLINES if metric in metrics},  # rounded: measured
            **{key(name): text(value) for name, value in tags.items()},
            BUNDLE_TAG: bundle.tag,
            METRICS_TAG: json.dumps({metric: value for metric, value in metrics.items() if math.isfinite(value)}),
            MODEL_PATH_TAG: place,
            MANIFEST_TAG: sha256_of(bundle.path / MANIFEST_FILE),
        }
        if pipeline_tag is not None:
            known[PIPELINE_TAG] = pipeline_tag
        if self._lookup(name) is None:
            connection.make(
                f"make the registered model {name}",
                lambda client: client.create_registered_model(name, description=bundle.contract.description),
            )
        made = connection.call(
            f"register {bundle.tag}",
            lambda client: client.create_model_version(
                name,
                source=f"runs:/{own_run}/{place}",
                run_id=own_run,
                tags=known,
                description=_shortened(description),
                await_creation_for=None,
            ),
        )
        return self.version(name, int(made.version))

    def _crown(
        self,
        version: Version,
        before: Version | None,
        action: Literal["promote", "rollback"],
        who: str | None,
        why: str,
    ) -> None:
        """Move the champion's alias and write down that; if that cannot be written, move the alias back."""
        name = version.name
        if not why.strip():
            raise RegistryError("a reason is needed: those who come after read it in the history. Give it with --why.")
        event = Event(
            when=datetime.now(UTC),
            who=(who or current_user()).strip(),
            why=why.strip(),
            action=action,
            before=None if before is None else before.number,
            after=version.number,
        )
        self._point(name, CHAMPION, version.number)
        try:
            self._connection().call(
                f"write the history of {name}",
                lambda client: client.set_registered_model_tag(name, event.key, event.model_dump_json()),
            )
        except BaseException:
            self._point(name, CHAMPION, None if before is None else before.number)
            raise
        if CHALLENGER in version.aliases:
            self._point(name, CHALLENGER, None)
        self._mark(version, "production")
        if before is not None:
            self._mark(before, "archived")

    def _point(self, name: str, alias: str, number: int | None) -> None:
        """Let an alias point at a version, or at none."""
        if number is None:
            self._connection().call(
                f"take the alias {alias} away", lambda client: client.delete_registered_model_alias(name, alias)
            )
        else:
            self._connection().call(
                f"move the alias {alias}",
                lambda client: client.set_registered_model_alias(name, alias, str(number)),
            )

    def _mark(self, version: Version, stage: Stage) -> None:
        self._connection().call(
            f"write the stage of {version}",
            lambda client: client.set_model_version_tag(version.name, str(version.number), STAGE_TAG, stage),
        )


def _shortened(description: str) -> str:
    """Return a description that fits, cut at the end of a line."""
    if len(description) <= DESCRIPTION_LIMIT:
        return description
    cut = description[: DESCRIPTION_LIMIT - len(_MORE)]
    return (cut.rpartition("\n")[0] or cut) + _MORE
