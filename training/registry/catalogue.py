"""The catalogue: the read access to the registered models. The registry adds the write access.

MLflow keeps a version's number, tags, description and files. The alias ``champion`` points to the version that serves,
``challenger`` to the newest version that waits to be promoted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tabento.bundle.checksums import file_sha256
from tabento.bundle.errors import BundleNotFoundError
from tabento.bundle.format import MANIFEST_FILE
from tabento.bundle.store import Bundle, load_bundle
from tabento.remote.retry import RetryPolicy
from training.config.settings import TrainingSettings
from training.model.metrics import HIGHER_IS_BETTER
from training.registry.errors import RegistryError
from training.registry.files import download
from training.registry.history import Event, read_history
from training.registry.names import parse_name
from training.registry.tracking import Connection, connect, move_former_registry, tracking_uri
from training.registry.tracking.place import RETRY, mask_passwords
from training.registry.version import (
    BUNDLE_TAG,
    CHALLENGER,
    CHAMPION,
    MANIFEST_TAG,
    MODEL_PATH_TAG,
    Version,
    read_version,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1000


class Catalogue:
    """The registered models of an MLflow server or database."""

    def __init__(self, settings: TrainingSettings, *, retry: RetryPolicy = RETRY) -> None:
        """Store the address; the first call connects.

        Args:
            settings: the address, see ``training.registry.tracking.place``.
            retry: the attempts of each call.
        """
        self._settings = settings
        self._retry = retry
        self._opened: Connection | None = None

    def _connection(self) -> Connection:
        if self._opened is None:
            move_former_registry(self._settings)
            self._opened = connect(tracking_uri(self._settings), retry=self._retry)
        return self._opened

    @property
    def address(self) -> str:
        """The registry's address, without a password."""
        return mask_passwords(tracking_uri(self._settings))

    def names(self) -> list[str]:
        """Return the names of all registered models, in their order."""
        models = self._pages(
            "list the models", lambda client, token: client.search_registered_models(max_results=100, page_token=token)
        )
        return sorted(model.name for model in models)

    def versions(self, name: str) -> list[Version]:
        """Return the versions of a model, the newest first.

        Raises:
            RegistryError: there is no such model.
        """
        aliases = self._model(name).aliases
        mlflow_versions = self._pages(
            f"list the versions of {name}",
            lambda client, token: client.search_model_versions(f"name='{name}'", max_results=_PAGE, page_token=token),
        )
        listed = (read_version(version, aliases) for version in mlflow_versions)
        return sorted(
            (version for version in listed if BUNDLE_TAG in version.tags), key=lambda version: -version.number
        )

    def champion(self, name: str) -> Version | None:
        """Return the version that serves; None if no version serves or the model does not exist."""
        return self._version_by_alias(name, CHAMPION)

    def challenger(self, name: str) -> Version | None:
        """Return the version that waits to be promoted; None if no version waits or the model does not exist."""
        return self._version_by_alias(name, CHALLENGER)

    def version(self, name: str, number: int) -> Version:
        """Return a version by its number.

        Raises:
            RegistryError: the model or the version does not exist; the message lists the existing versions.
        """
        aliases = self._model(name).aliases
        mlflow_version = self._connection().find(
            f"look {name}/{number} up", lambda client: client.get_model_version(name, str(number))
        )
        if mlflow_version is None:
            numbers = ", ".join(str(version.number) for version in self.versions(name)) or "none"
            raise RegistryError(f"{name} has no version {number}; there is {numbers}.")
        if BUNDLE_TAG not in mlflow_version.tags:
            raise RegistryError(f"{name}/{number} was registered by another program: it has no tag {BUNDLE_TAG!r}.")
        return read_version(mlflow_version, aliases)

    def resolve(self, reference: str) -> Version:
        """Return the version that a reference names: ``name@champion``, ``name/3``, ``name/production`` or ``name``.

        Raises:
            RegistryError: no version has that alias; the message lists the aliases.
        """
        name, label = parse_name(reference)
        if isinstance(label, int):
            return self.version(name, label)
        self._model(name)
        version = self._version_by_alias(name, label)
        if version is None:
            aliases = ", ".join(sorted(self._model(name).aliases)) or "none"
            promote = f" Promote a version first: tabento models promote {name} NUMBER."
            hint = promote if label == CHAMPION else f" Name a version by its number: tabento models list {name}."
            raise RegistryError(f"{name} has no {label}; its aliases: {aliases}.{hint}")
        return version

    def find(self, bundle_tag: str) -> Version | None:
        """Return the version of a bundle by the bundle's tag in the model store; None if it was not registered."""
        name = bundle_tag.partition(":")[0]
        if self._lookup(name) is None:
            return None
        return next((version for version in self.versions(name) if version.bundle_tag == bundle_tag), None)

    def best_version(self, name: str, metric: str) -> Version:
        """Return the version with the best value of a metric; of equal versions, the newest.

        Raises:
            RegistryError: the model does not exist, or no version has that metric.
        """
        versions = self.versions(name)
        measured = [version for version in versions if metric in version.metrics]
        if not measured:
            metrics = sorted({name for version in versions for name in version.metrics})
            raise RegistryError(
                f"no version of {name} has the metric {metric!r}; there are {', '.join(metrics) or 'none'}."
            )
        sign = 1 if metric in HIGHER_IS_BETTER else -1
        return max(measured, key=lambda version: (sign * version.metrics[metric], version.number))

    def history(self, name: str) -> list[Event]:
        """Return the changes of the champion, the oldest first.

        Raises:
            RegistryError: there is no such model.
        """
        return read_history(self._model(name).tags)

    def params(self, version: Version) -> dict[str, str]:
        """Return the parameters of the run that made a version; empty if the run does not exist."""
        if version.run_id is None:
            return {}
        run_id = version.run_id
        run = self._connection().find("look a run up", lambda client: client.get_run(run_id))
        return {} if run is None else dict(run.data.params)

    def bundle(self, version: Version) -> Bundle:
        """Return a version's bundle. Fetch it into the BentoML model store if it is missing there.

        Raises:
            TrackingError, BundleError, SaveError: it cannot be fetched, does not verify, or cannot be stored.
            RegistryError: the store holds another bundle under the tag than the registered bundle.
        """
        try:
            bundle = load_bundle(version.bundle_tag)
        except BundleNotFoundError:
            if version.run_id is None or MODEL_PATH_TAG not in version.tags:
                raise RegistryError(f"{version} was registered without its files, so it cannot be fetched.") from None
            bundle = download(self._connection(), version.run_id, version.tags[MODEL_PATH_TAG], version.bundle_tag)
        expected = version.tags.get(MANIFEST_TAG)
        got = file_sha256(bundle.path / MANIFEST_FILE)
        if expected is not None and got != expected:
            raise RegistryError(
                f"{version.bundle_tag} in the model store is not the bundle that was registered as {version}: its manifest has"
                f" sha256 {got}, the registry says {expected}. Remove it with `bentoml models delete"
                f" {version.bundle_tag}` and fetch it again, or train the model again."
            )
        return bundle

    def ensure_local(self, tag: str) -> str:
        """Fetch a registered bundle into the BentoML model store if it is missing there, and return its tag.

        Raises:
            RegistryError: it was not registered, or differs from the registered bundle.
            TrackingError, BundleError, SaveError: it cannot be fetched, does not verify, or cannot be stored.
        """
        version = self.find(tag)
        if version is None:
            raise RegistryError(f"{tag} is not registered. `tabento models list` lists the registered models.")
        return self.bundle(version).tag

    def _version_by_alias(self, name: str, alias: str) -> Version | None:
        model = self._lookup(name)
        number = None if model is None else model.aliases.get(alias)
        if number is None:
            return None
        mlflow_version = self._connection().find(
            f"look {name}/{number} up", lambda client: client.get_model_version(name, str(number))
        )
        return (
            None
            if mlflow_version is None or BUNDLE_TAG not in mlflow_version.tags
            else read_version(mlflow_version, model.aliases)
        )

    def _lookup(self, name: str) -> Any:
        return self._connection().find(f"look {name} up", lambda client: client.get_registered_model(name))

    def _model(self, name: str) -> Any:
        model = self._lookup(name)
        if model is None:
            raise RegistryError(f"no model {name!r} is registered; there is {', '.join(self.names()) or 'none'}.")
        return model

    def _pages(self, action: str, page: Callable[[MlflowClient, str | None], Any]) -> list[Any]:
        """Return all results of a search, page by page."""
        entities: list[Any] = []
        token: str | None = None
        while True:

            def turn(client: MlflowClient, token: str | None = token) -> Any:
                return page(client, token)

            part = self._connection().call(action, turn)
            entities += part
            token = part.token
            if not token:
                return entities
