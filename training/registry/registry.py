"""The registry: registering, promoting and rolling back the versions of a model.

Moving an alias is one step in MLflow, so a promotion or a rollback takes effect completely or not at all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tabento.bundle.checksums import file_sha256
from tabento.bundle.format import MANIFEST_FILE
from tabento.bundle.store import Bundle, read_bundle
from tabento.user_name import user_name as current_user
from training.registry.catalogue import Catalogue
from training.registry.errors import RegistryError
from training.registry.files import upload
from training.registry.history import Event, champions
from training.registry.tracking import tracking_uri
from training.registry.tracking.exclusive import exclusive_database
from training.registry.tracking.names import key, text
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

HEADLINES = ("rmse", "r2", "mape", "wmape", "roc_auc", "f1", "accuracy")
"""The metrics that are also separate tags, so that MLflow's pages can search by them."""


DESCRIPTION_LIMIT = 5000
"""The number of characters of a description that MLflow's databases store."""
_CONTINUATION = "\n\n… The whole text is `card.md` of the bundle, among the files of the version."


class Registry(Catalogue):
    """The catalogue with the changes: registering, promoting, rolling back."""

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

        The bundle's files are recorded under its run, so that a copy of the registry includes the model. A bundle that is
        registered already gets no second version.

        Args:
            name: the model's name.
            bundle_tag: the bundle's tag in the BentoML model store.
            pipeline_tag: the fitted pipeline's tag there.
            run_id: the run that made the bundle; None creates a new run.
            metrics: the metrics on the test part.
            tags: the properties by which users search: algorithm, task, number of features, checksum of the data, …
            description_markdown: the model card, or a part of it, in Markdown.
            bundle_folder: the folder of the bundle.

        Raises:
            TrackingError: MLflow cannot be used; no version becomes the challenger.
            BundleError: the folder does not hold a bundle that verifies.
        """
        bundle = read_bundle(bundle_folder, bundle_tag)
        with exclusive_database(tracking_uri(self._settings)):
            version = self.find(bundle_tag)
            if version is None:
                version = self._create_version(name, bundle, pipeline_tag, run_id, metrics, tags, description_markdown)
        if CHAMPION not in version.aliases:
            before = self.challenger(name)
            self._point(name, CHALLENGER, version.number)
            if before is not None and before.number != version.number:
                self._mark(before, "archived")
            self._mark(version, "staging")
        return self.version(name, version.number)

    def promote(self, name: str, number: int, *, user: str | None = None, reason: str) -> Version | None:
        """Make a version the champion.

        Args:
            name: the model.
            number: the version.
            user: the person or job; by default the user.
            why: the reason.

        Returns:
            The previous champion; None if there was no champion.

        Raises:
            RegistryError: the model or version does not exist, the version is the champion already, or no reason is given.
            TrackingError: MLflow cannot be used; the champion is unchanged.
        """
        version = self.version(name, number)
        before = self.champion(name)
        if before is not None and before.number == number:
            raise RegistryError(f"{version} is the champion already.")
        self._set_champion(version, before, "promote", user, reason)
        return before

    def rollback(self, name: str, *, user: str | None = None, reason: str) -> Version:
        """Make the previous champion the champion again, and return it. Nothing is trained, built or copied.

        Args:
            name: the model.
            user: the person or job; by default the user.
            why: the reason.

        Raises:
            RegistryError: the model does not exist, it has no champion or no previous champion, or no reason is given.
            TrackingError: MLflow cannot be used; the champion is unchanged.
        """
        current, target = self.champion(name), self.previous_champion(name)
        self._set_champion(target, current, "rollback", user, reason)
        return self.version(name, target.number)

    def previous_champion(self, name: str) -> Version:
        """Return the version that a rollback makes the champion.

        Raises:
            RegistryError: the model does not exist, or it has no champion or no previous champion.
            TrackingError: MLflow cannot be used.
        """
        current = self.champion(name)
        versions = {version.number: version for version in self.versions(name)}
        if current is None:
            raise RegistryError(f"{name} has no champion, so there is nothing to roll back.")
        stack = [number for number in champions(self.history(name)) if number in versions]
        while stack and stack[-1] == current.number:
            stack.pop()
        if not stack:
            raise RegistryError(f"{name} had no champion before version {current.number}; promote another version.")
        return versions[stack[-1]]

    def _create_version(
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
        version_tags = {
            **{metric: f"{metrics[metric]:.6g}" for metric in HEADLINES if metric in metrics},  # rounded: measured
            **{key(name): text(value) for name, value in tags.items()},
            BUNDLE_TAG: bundle.tag,
            METRICS_TAG: json.dumps({metric: value for metric, value in metrics.items() if math.isfinite(value)}),
            MODEL_PATH_TAG: place,
            MANIFEST_TAG: file_sha256(bundle.path / MANIFEST_FILE),
        }
        if pipeline_tag is not None:
            version_tags[PIPELINE_TAG] = pipeline_tag
        if self._lookup(name) is None:
            connection.make(
                f"make the registered model {name}",
                lambda client: client.create_registered_model(name, description=bundle.contract.description),
            )
        mlflow_version = connection.call(
            f"register {bundle.tag}",
            lambda client: client.create_model_version(
                name,
                source=f"runs:/{own_run}/{place}",
                run_id=own_run,
                tags=version_tags,
                description=_shorten(description),
                await_creation_for=None,
            ),
        )
        return self.version(name, int(mlflow_version.version))

    def _set_champion(
        self,
        version: Version,
        before: Version | None,
        action: Literal["promote", "rollback"],
        user: str | None,
        reason: str,
    ) -> None:
        """Move the champion's alias and record the event. If the event cannot be recorded, move the alias back."""
        name = version.name
        if not reason.strip():
            raise RegistryError("a reason is needed, because later readers of the history need it. Give it with --why.")
        event = Event(
            when=datetime.now(UTC),
            user=(user or current_user()).strip(),
            reason=reason.strip(),
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
        """Point an alias to a version, or delete it."""
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


def _shorten(description: str) -> str:
    """Return a description that fits into the limit, cut at the end of a line."""
    if len(description) <= DESCRIPTION_LIMIT:
        return description
    cut = description[: DESCRIPTION_LIMIT - len(_CONTINUATION)]
    return (cut.rpartition("\n")[0] or cut) + _CONTINUATION
