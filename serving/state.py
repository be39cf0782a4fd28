"""The state of the service: which model answers which path, and whether new requests are accepted.

The only place where a model is set and removed. Routing asks here for the model of a path.
"""

from __future__ import annotations

from serving.errors import UnavailableError, stopping_error
from serving.live_model import LiveModel
from serving.routes.paths import PREDICT_PATHS


class ServiceState:
    """One of loading (no model), ready (a model), draining (no new predictions) and stopped (no model again)."""

    def __init__(self) -> None:
        self.model: LiveModel | None = None
        """The model that answers; None while the service loads it, and after the service has stopped."""
        self.is_draining = False
        """Whether the service stops: it answers the requests that it has accepted, and each answer closes its connection."""
        self.admitting: dict[str, LiveModel] = {}
        """The model of each path on which new predictions are accepted: empty unless the service is ready. The fast path
        keeps this dictionary, so it is changed in place."""

    def set_model(self, model: LiveModel) -> None:
        """Let a loaded model answer."""
        self.model = model
        if not self.is_draining:
            self.admitting.update(dict.fromkeys(PREDICT_PATHS, model))

    def remove_model(self) -> LiveModel | None:
        """Stop answering for good, and return the model that answered until now."""
        self.start_draining()
        model, self.model = self.model, None
        return model

    def start_draining(self) -> None:
        """Accept no more predictions."""
        self.is_draining = True
        self.admitting.clear()

    def ready_model(self) -> LiveModel:
        """Return the model for a new request.

        Raises:
            UnavailableError: the model is not loaded yet, or the service stops.
        """
        if self.is_draining:
            raise stopping_error()
        return self.started_model()

    def started_model(self) -> LiveModel:
        """Return the model for a request that began before a drain.

        Raises:
            UnavailableError: no model is loaded.
        """
        if self.model is None:
            raise (
                stopping_error()
                if self.is_draining
                else UnavailableError("The model is not loaded yet. Try again shortly.")
            )
        return self.model
