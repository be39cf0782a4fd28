"""The champion of a running service: after the registry's alias, its rollout document names the new version.

The route is ``/admin/rollout`` of the service, see docs/rollout.md; the API key needs the scope ``admin``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from tabento.errors import TabentoError
from tabento.remote.service_client import KEY_VARIABLE, ServiceClient
from tabento.user_name import user_name
from training.registry.errors import RegistryError

PATH = "/admin/rollout"
WAIT_S = 60.0
"""The longest wait for the service to answer with the new version."""
POLL_S = 0.2


def connect(url: str) -> ServiceClient:
    """Return the client of a service, with the API key of the environment.

    Raises:
        RegistryError: the address is not one of HTTP.
    """
    try:
        return ServiceClient(url, os.environ.get(KEY_VARIABLE))
    except ValueError as error:
        raise RegistryError(f"--service: {error}.") from None


class ServedChampion:
    """The champion of one model in a service.

    Args:
        client: the client of the service.
        name: the model.
        sleep: waits for a number of seconds between two looks at the service.
    """

    def __init__(self, client: ServiceClient, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._name = name
        self._sleep = sleep

    def check(self, tag: str) -> None:
        """Check that the service could make a version its champion, before anything changes.

        Raises:
            RegistryError: the service tries another version beside its champion.
            TabentoError: the service cannot be reached, refuses the key, or does not have the model.
        """
        challenger = self._entry(self._read()).get("challenger")
        if challenger is not None and challenger["tag"] != tag:
            raise RegistryError(
                f"{self._client.url} tries {challenger['tag']} beside its champion. End that first: `tabento rollout abort"
                f" {self._name} --service {self._client.url}`. The registry is unchanged."
            )

    def change(self, tag: str, user: str | None, reason: str, wait_s: float = WAIT_S) -> str:
        """Make a version the champion of the service, and return the result in words.

        Args:
            tag: the bundle.
            user: the person or job; by default the user.
            reason: the reason.
            wait_s: the longest wait for the service.

        Raises:
            RegistryError: the service refuses the change, or does not use the version.
            RemoteUnavailableError: the service cannot be reached.
        """
        entry = self._entry(self._read())
        if entry.get("champion") != tag or entry.get("challenger") is not None:
            change: dict[str, Any] = {"action": "champion", "tag": tag}
            if entry.get("challenger") is not None:
                change = {"action": "promote", "model": self._name, "early": True}
            self._client.post(PATH, change | {"who": user or user_name(), "why": reason})
        return self._wait(tag, wait_s)

    def _wait(self, tag: str, wait_s: float) -> str:
        """Wait until a worker of the service answers with a version."""
        deadline_s = time.monotonic() + wait_s
        while True:
            content = self._read()
            if self._entry(content).get("champion") != tag:
                raise RegistryError(f"{self._client.url} has another champion again: somebody changed it meanwhile.")
            state = content["models"][self._name]
            if state["live"]["champion"] == tag:
                return f"{self._client.url} answers with {tag} now"
            reason = state["differs_because"]
            if state["live"]["champion"] is None:
                return f"{self._client.url} will load {tag}: {reason or 'the model is not loaded'}"
            if reason is not None and reason.startswith(f"{tag}:"):
                raise RegistryError(
                    f"{self._client.url} stays with {state['live']['champion']}, because it refuses {reason}"
                )
            if time.monotonic() >= deadline_s:
                return f"{self._client.url} still answers with {state['live']['champion']}: {reason or 'no reason is known'}"
            self._sleep(POLL_S)

    def _read(self) -> dict[str, Any]:
        content: dict[str, Any] = self._client.get(PATH, {"model": self._name})
        return content

    def _entry(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return the entry of the model in the service's document; empty if the document does not list it."""
        try:
            entry: dict[str, Any] = content["document"]["models"].get(self._name) or {}
        except (KeyError, TypeError, AttributeError):
            raise TabentoError(
                f"{self._client.url}{PATH} did not answer a rollout document. Check whether the address is that of the service."
            ) from None
        return entry
