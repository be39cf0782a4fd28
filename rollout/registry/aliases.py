"""The aliases ``champion`` and ``challenger`` of registered models, as the tags of their bundles.

A version's tag ``bundle``, which training writes, has the bundle's tag; see ``training/registry/version.py``.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from rollout.document import TAG_PATTERN, Tag
from rollout.registry.client import RegistryClient, RegistryUnavailableError

CHAMPION, CHALLENGER = "champion", "challenger"
BUNDLE_TAG = "bundle"
FEW_NAMES = 20
"""Up to this number of models, each is asked for by its name; more are read from the pages of all registered models."""
PAGE_MODELS = 20
"""The number of models of a page. Each has the description and the tags of its newest version, and reading a page holds the interpreter
for some 0.7 ms, in which the worker answers nothing."""
PAGES_LIMIT = 1_000
"""The largest number of pages of a poll: 20,000 registered models."""
VERSIONS_LIMIT = 10_000
"""The number of versions whose bundle is remembered: a version's bundle does not change."""

_is_tag = re.compile(TAG_PATTERN).search


class Aliases(BaseModel):
    """The versions that the registry wants of one model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    champion: Tag | None = None
    """The bundle's tag; None if no version has the alias."""
    challenger: Tag | None = None


class _Answer(BaseModel):
    """A part of an answer of the server, which may have more keys."""

    model_config = ConfigDict(frozen=True)


class _Pair(_Answer):
    key: str
    value: str = ""


class _Version(_Answer):
    name: str
    version: str
    tags: tuple[_Pair, ...] = ()


class _Alias(_Answer):
    alias: str
    version: str


class _Model(_Answer):
    name: str
    creation_timestamp: int = 0
    aliases: tuple[_Alias, ...] = ()
    latest_versions: tuple[_Version, ...] = ()


class _Models(_Answer):
    registered_models: tuple[_Model, ...] = ()
    next_page_token: str = ""


_ModelAnswer = TypeAdapter(dict[str, _Model])
_VersionAnswer = TypeAdapter(dict[str, _Version])


class VersionError(Exception):
    """A version with an alias cannot be served; the message has the reason."""


@dataclass
class PolledAliases:
    """The result of a poll that the registry answered."""

    aliases: dict[str, Aliases] = field(default_factory=dict)
    """The aliases by model, without models that are not registered or have a fault."""
    faults: dict[str, str] = field(default_factory=dict)
    """The reasons why the aliases of some models cannot be used, by model."""


class RegistryAliases:
    """The aliases of a registry. Its methods block; one thread at a time uses it.

    Args:
        client: the client of the MLflow server.
    """

    def __init__(self, client: RegistryClient) -> None:
        self.client = client
        self._bundles: OrderedDict[tuple[str, int, str], str] = OrderedDict()
        """The bundle's tag by the model's name and creation, and the number of the version."""

    def poll(self, names: Collection[str]) -> PolledAliases:
        """Ask the registry for the aliases of models.

        Args:
            names: the models.

        Raises:
            RegistryUnavailableError: the registry failed; nothing is known about any model.
        """
        polled = PolledAliases()
        for model in self._models(names):
            try:
                polled.aliases[model.name] = self._aliases(model)
            except VersionError as error:
                polled.faults[model.name] = str(error)
        return polled

    def _models(self, names: Collection[str]) -> Iterator[_Model]:
        """Yield the registered ones of some models."""
        if len(names) <= FEW_NAMES:
            for name in sorted(names):
                answer = self.client.get("registered-models/get", {"name": name})
                if answer is not None:
                    yield self._parse(_ModelAnswer, {"model": answer.get("registered_model")})["model"]
            return
        token = ""
        for _ in range(PAGES_LIMIT):
            parameters = {"max_results": str(PAGE_MODELS)} | ({"page_token": token} if token else {})
            answer = self.client.get("registered-models/search", parameters)
            page = self._parse(TypeAdapter(_Models), answer)
            yield from (model for model in page.registered_models if model.name in names)
            token = page.next_page_token
            if not token:
                return
        raise RegistryUnavailableError(
            f"the registry {self.client.address} has more than {PAGES_LIMIT * PAGE_MODELS} models; its aliases are not used"
        )

    def _aliases(self, model: _Model) -> Aliases:
        for version in model.latest_versions:
            if (tag := _bundle_tag(version)) is not None:
                self._keep(model, version.version, tag)
        numbers = {alias.alias: alias.version for alias in model.aliases if alias.alias in (CHAMPION, CHALLENGER)}
        return Aliases(**{alias: self._bundle(model, alias, number) for alias, number in numbers.items()})

    def _bundle(self, model: _Model, alias: str, number: str) -> str:
        """Return the tag of the bundle of a version.

        Raises:
            VersionError: the version has no tag of a bundle, or the tag of another model.
            RegistryUnavailableError: the registry failed.
        """
        key = (model.name, model.creation_timestamp, number)
        if (tag := self._bundles.get(key)) is not None:
            self._bundles.move_to_end(key)
            return tag
        answer = self.client.get("model-versions/get", {"name": model.name, "version": number})
        name = f"{model.name}/{number}, the {alias}"
        if answer is None:
            raise VersionError(f"{name}, was deleted from the registry. Move the alias: `tabento models promote`.")
        tag = _bundle_tag(self._parse(_VersionAnswer, {"version": answer.get("model_version")})["version"])
        if tag is None:
            raise VersionError(
                f"{name}, has no tag `{BUNDLE_TAG}` with the name of a bundle, so it was not registered by `tabento train`."
                " Move the alias to another version."
            )
        if tag.partition(":")[0] != model.name or _is_tag(tag) is None:
            raise VersionError(
                f"{name}, names the bundle {tag[:200]!r}: expected {model.name}:VERSION. Move the alias to another version."
            )
        self._keep(model, number, tag)
        return tag

    def _keep(self, model: _Model, number: str, tag: str) -> None:
        if tag.partition(":")[0] != model.name or _is_tag(tag) is None:
            return
        self._bundles[(model.name, model.creation_timestamp, number)] = tag
        if len(self._bundles) > VERSIONS_LIMIT:
            self._bundles.popitem(last=False)

    def _parse(self, adapter: TypeAdapter[Any], answer: Any) -> Any:
        try:
            return adapter.validate_python(answer)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            raise RegistryUnavailableError(
                f"the registry {self.client.address} did not answer as MLflow's REST interface does"
                f" ({'.'.join(map(str, fault['loc']))}: {fault['msg']}); is the address that of an MLflow server?"
            ) from None


def _bundle_tag(version: _Version) -> str | None:
    return next((pair.value for pair in version.tags if pair.key == BUNDLE_TAG), None)
