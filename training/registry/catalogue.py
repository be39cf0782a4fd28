"""The catalogue: what is registered, as it can be read. The registry adds what changes it.

MLflow keeps a version's number, tags, description and files. The alias ``champion`` points at the version that serves,
``challenger`` at the newest that waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tenacity.wait import wait_base

from bundle.errors import BundleNotFoundError
from bundle.format import MANIFEST_FILE
from bundle.manifest import sha256_of
from bundle.store import Bundle, load_bundle
from training.metrics import HIGHER_IS_BETTER
from training.registry.errors import RegistryError
from training.registry.files import download
from training.registry.history import Event, read_history
from training.registry.names import parse_name
from training.registry.version import (
    BUNDLE_TAG,
    CHALLENGER,
    CHAMPION,
    MANIFEST_TAG,
    MODEL_PATH_TAG,
    Version,
    read_version,
)
from training.settings import TrainingSettings
from training.tracking import Connection, connect, move_former_registry, tracking_uri
from training.tracking.place import WAIT, masked

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1000


class Catalogue:
    """The registered models of an MLflow server or database; opened by the first call."""

    def __init__(self, settings: TrainingSettings, *, wait: wait_base = WAIT) -> None:
        """Say where it is.

        Args:
            settings: the address, see ``training.tracking.place``.
            wait: how long to wait between attempts.
        """
        self._settings = settings
        self._wait = wait
        self._opened: Connection | None = None

    def _connection(self) -> Connection:
        if self._opened is None:
            move_former_registry(self._settings)
            self._opened = connect(tracking_uri(self._settings), wait=self._wait)
        return self._opened

    @property
    def address(self) -> str:
        """The registry's address, without a password."""
        return masked(tracking_uri(self._settings))

    def names(self) -> list[str]:
        """Return the names of all registered models, in their order."""
        found = self._pages(
            "list the models", lambda client, token: client.search_registered_models(max_results=100, page_token=token)
        )
        return sorted(model.name for model in found)

    def versions(self, name: str) -> list[Version]:
        """Return the versions of a model, the newest first.

        Raises:
            RegistryError: there is no such model.
        """
        aliases = self._model(name).aliases
        found = self._pages(
            f"list the versions of {name}",
            lambda client, token: client.search_model_versions(f"name='{name}'", max_results=_PAGE, page_token=token),
        )
        listed = (read_version(one, aliases) for one in found)
        return sorted((one for one in listed if BUNDLE_TAG in one.tags), key=lambda one: -one.number)

    def champion(self, name: str) -> Version | None:
        """Return the version that serves; None where there is none, or no such model."""
        return self._aliased(name, CHAMPION)

    def challenger(self, name: str) -> Version | None:
        """Return the version that waits to be promoted; None where there is none, or no such model."""
        return self._aliased(name, CHALLENGER)

    def version(self, name: str, number: int) -> Version:
        """Return a version by its number.

        Raises:
            RegistryError: there is no such model or version; the message says which there are.
        """
        aliases = self._model(name).aliases
        found = self._connection().find(
            f"look {name}/{number} up", lambda client: client.get_model_version(name, str(number))
        )
        if found is None:
            numbers = ", ".join(str(one.number) for one in self.versions(name)) or "none"
            raise RegistryError(f"{name} has no version {number}; there is {numbers}.")
        if BUNDLE_TAG not in found.tags:
            raise RegistryError(f"{name}/{number} was registered by something else: it has no tag {BUNDLE_TAG!r}.")
        return read_version(found, aliases)

    def resolve(self, given: str) -> Version:
        """Return the version that a name means: ``name@champion``, ``name/3``, ``name/production`` or ``name``.

        Raises:
            RegistryError: it means none; the message says what there is.
        """
        name, wanted = parse_name(given)
        if isinstance(wanted, int):
            return self.version(name, wanted)
        self._model(name)
        found = self._aliased(name, wanted)
        if found is None:
            aliases = ", ".join(sorted(self._model(name).aliases)) or "none"
            hint = f" Promote a version first: tabento models promote {name} NUMBER." if wanted == CHAMPION else ""
            raise RegistryError(f"{name} has no {wanted}; its aliases: {aliases}.{hint}")
        return found

    def find(self, bundle_tag: str) -> Version | None:
        """Return the version of a bundle by the bundle's tag in the model store; None where it was never registered."""
        name = bundle_tag.partition(":")[0]
        if self._lookup(name) is None:
            return None
        return next((one for one in self.versions(name) if one.bundle_tag == bundle_tag), None)

    def best(self, name: str, metric: str) -> Version:
        """Return the version with the best figure of a metric; of equal ones the newest.

        Raises:
            RegistryError: there is no such model, or no version of it with that metric.
        """
        versions = self.versions(name)
        measured = [one for one in versions if metric in one.metrics]
        if not measured:
            known = sorted({one for version in versions for one in version.metrics})
            raise RegistryError(
                f"no version of {name} has the metric {metric!r}; there are {', '.join(known) or 'none'}."
            )
        sign = 1 if metric in HIGHER_IS_BETTER else -1
        return max(measured, key=lambda one: (sign * one.metrics[metric], one.number))

    def history(self, name: str) -> list[Event]:
        """Return who changed the champion when and why, the oldest first.

        Raises:
            RegistryError: there is no such model.
        """
        return read_history(self._model(name).tags)

    def params(self, version: Version) -> dict[str, str]:
        """Return the parameters of the run that made a version; empty where the run is gone."""
        if version.run_id is None:
            return {}
        run_id = version.run_id
        run = self._connection().find("look a run up", lambda client: client.get_run(run_id))
        return {} if run is None else dict(run.data.params)

    def bundle(self, version: Version) -> Bundle:
        """Return a version's bundle, fetched into the BentoML model store where that lacks it.

        Raises:
            TrackingError, BundleError, SaveError: it cannot be fetched, does not verify, or cannot be stored.
            RegistryError: the store holds something else under its tag than what was registered.
        """
        try:
            bundle = load_bundle(version.bundle_tag)
        except BundleNotFoundError:
            if version.run_id is None or MODEL_PATH_TAG not in version.tags:
                raise RegistryError(f"{version} was registered without its files, so it cannot be fetched.") from None
            bundle = download(self._connection(), version.run_id, version.tags[MODEL_PATH_TAG], version.bundle_tag)
        expected = version.tags.get(MANIFEST_TAG)
        got = sha256_of(bundle.path / MANIFEST_FILE)
        if expected is not None and got != expected:
            raise RegistryError(
                f"{version.bundle_tag} in the model store is not what was registered as {version}: its manifest has"
                f" sha256 {got}, the registry says {expected}. Remove it with `bentoml models delete"
                f" {version.bundle_tag}` and fetch it again, or train the model anew."
            )
        return bundle

    def ensure_local(self, tag: str) -> str:
        """Fetch a registered bundle into the BentoML model store, where that lacks it, and return its tag.

        Raises:
            RegistryError: it was never registered, or differs from what was.
            TrackingError, BundleError, SaveError: it cannot be fetched, does not verify, or cannot be stored.
        """
        version = self.find(tag)
        if version is None:
            raise RegistryError(f"{tag} is not registered. `tabento models list` shows what is.")
        return self.bundle(version).tag

    def _aliased(self, name: str, alias: str) -> Version | None:
        model = self._lookup(name)
        number = None if model is None else model.aliases.get(alias)
        if number is None:
            return None
        found = self._connection().find(
            f"look {name}/{number} up", lambda client: client.get_model_version(name, str(number))
        )
        return None if found is None or BUNDLE_TAG not in found.tags else read_version(found, model.aliases)

    def _lookup(self, name: str) -> Any:
        return self._connection().find(f"look {name} up", lambda client: client.get_registered_model(name))

    def _model(self, name: str) -> Any:
        found = self._lookup(name)
        if found is None:
            raise RegistryError(f"no model {name!r} is registered; there is {', '.join(self.names()) or 'none'}.")
        return found

    def _pages(self, what: str, page: Callable[[MlflowClient, str | None], Any]) -> list[Any]:
        """Return all that a search finds, page by page."""
        found: list[Any] = []
        token: str | None = None
        while True:

            def turn(client: MlflowClient, token: str | None = token) -> Any:
                return page(client, token)

            part = self._connection().call(what, turn)
            found += part
            token = part.token
            if not token:
                return found
