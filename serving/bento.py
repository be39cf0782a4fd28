"""How the application gets around BentoML's: a service class that wraps the whole of it.

``bentoml.service(service_class=…)`` takes a subclass of ``Service``; ``bentoml serve`` and BentoML's test client ask it
for the ASGI application through ``to_asgi``. What is returned here stands outside every middleware of BentoML, where a
middleware added through ``add_asgi_middleware`` would stand inside tracing and the timeout, and pay for both. The
argument is in BentoML's signature but not in its documentation: ``tests/serving/test_bento.py`` fails when an upgrade
changes it. Checked against BentoML 1.4.39.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from _bentoml_sdk import Service
from bentoml import Bento, Tag
from starlette.middleware.cors import CORSMiddleware

from bundle.errors import BundleNotFoundError
from serving.application import Application
from serving.drain import drain_on_sigterm
from serving.http import App
from serving.http1.install import install
from serving.settings import ServingSettings
from serving.tracing import traced
from serving.worker_link import LinkError, connect

CHECKED_BENTOML_VERSION = "1.4.39"


def lean_config(settings: ServingSettings) -> dict[str, Any]:
    """Return BentoML's own configuration: what of it would cost time in front of every request is off.

    It goes into ``bentoml.service(…)`` and so into the Bento: a plain ``bentoml serve`` and a container get it without
    flags. ``metrics`` is off since BentoML's middleware is slow and its ``/metrics`` is replaced by ours; the access log
    likewise. Tracing cannot be switched off, but told to leave every path alone; ours is `serving.tracing`. The timeout cannot be switched off
    either: it keeps a timer for each request that reaches BentoML's own application, so it is short.
    """
    return {
        "workers": settings.workers,
        "metrics": {"enabled": False},
        "logging": {"access": {"enabled": False}},
        "tracing": {"sample_rate": 0.0, "excluded_urls": ".*"},
        "traffic": {"timeout": 10},
    }


class TabentoService(Service[Any]):
    """A BentoML service whose requests are answered by ``Application``.

    The wrapped class has two attributes that this one reads: ``settings``, a ``ServingSettings``, and on its instances
    ``model``, the ``ServedModel`` that answers from the moment on at which the instance has been made.
    """

    def to_asgi(self, is_main: bool = True) -> App:
        """Return the application that answers this service's port."""
        settings: ServingSettings = self.inner.settings
        self.application = Application(super().to_asgi(is_main=is_main), settings)
        install()
        self.application.metrics.link = connect()
        return with_options(self.application, settings)

    def __call__(self) -> Any:
        """Make the service's instance, then, on a server's event loop, start answering with its model.

        A worker that fails here tells the supervisor why: it would fail again and again.
        """
        application: Application | None = getattr(self, "application", None)
        link = None if application is None else application.metrics.link
        try:
            return self._start(application)
        except Exception as error:
            if link is not None:
                with contextlib.suppress(LinkError):
                    link.fail(f"{type(error).__name__}: {error}")
            raise

    def _start(self, application: Application | None) -> Any:
        instance = super().__call__()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return instance
        if application is not None:
            application.serve(instance.model)
            drain_on_sigterm(application, loop, self.inner.settings)
        return instance


def with_options(application: Application, settings: ServingSettings) -> App:
    """Put what is switched on, and off by default, around the application: CORS and tracing."""
    app: App = application
    if settings.cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=list(settings.cors_origins),
            allow_methods=("GET", "POST"),
            allow_headers=settings.cors_headers,
            expose_headers=("x-request-id", "retry-after"),
            allow_credentials=False,
            max_age=3600,
        )
    if settings.tracing_sample_rate:
        app = traced(app, settings)
    return app


def packed_tag(bento: Bento | None, wanted: str) -> str:
    """Return the tag of the bundle to serve: in a built Bento the one inside, otherwise the wanted one.

    Raises:
        BundleNotFoundError: the Bento holds another model than the wanted one.
    """
    if bento is None:
        return wanted
    packed = [model.tag for model in bento.info.all_models]
    asked = Tag.from_str(wanted)
    for tag in packed:
        if tag.name == asked.name and asked.version in (None, "latest", tag.version):
            return str(tag)
    raise BundleNotFoundError(
        f"the Bento {bento.tag} holds {', '.join(map(str, packed)) or 'no model'}, but {wanted} is to be served."
        f" Build one for it with `make bento MODEL={asked.name}`, or unset TABENTO_MODEL."
    )
