"""The service class that puts the application around BentoML's own.

``bentoml.service(service_class=…)`` takes a subclass of ``Service``; ``bentoml serve`` and BentoML's test client ask it
for the ASGI application through ``to_asgi``. The application that is returned here is outside every
middleware of BentoML. A middleware added through ``add_asgi_middleware`` would be inside tracing and the timeout, and every
request would pay for both. The
argument is in BentoML's signature but not in its documentation: ``tests/serving/test_bento.py`` fails when an upgrade
changes it. Checked against BentoML 1.4.39.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from _bentoml_sdk import Service
from bentoml import Bento

from monitoring.service_log.configure import configure_log, is_started_by_supervisor
from serving.application import Application
from serving.cors import with_options
from serving.fastpath.install import install
from serving.http import App
from serving.operations.drain import drain_on_sigterm
from serving.operations.start_failure import reason_of, silence_libraries
from serving.operations.worker_link import LinkError, connect
from serving.packed_bundle import choose_packed
from serving.settings import ServingSettings
from serving.tls import install_tls

CHECKED_BENTOML_VERSION = "1.4.39"


def lean_config(settings: ServingSettings) -> dict[str, Any]:
    """Return BentoML's own configuration, without the parts that would cost time for every request.

    It goes into ``bentoml.service(…)`` and so into the Bento: a plain ``bentoml serve`` and a container get it without
    flags. ``metrics`` is off since BentoML's middleware is slow and its ``/metrics`` is replaced by ours; the access log
    likewise. Tracing cannot be switched off, but every path can be excluded; ours is `serving.tracing`. The timeout cannot be switched off
    either: it keeps a timer for each request that reaches BentoML's own application, so it is short.
    """
    config: dict[str, Any] = {
        "workers": settings.workers,
        "metrics": {"enabled": False},
        "logging": {"access": {"enabled": False}},
        "tracing": {"sample_rate": 0.0, "excluded_urls": ".*"},
        "traffic": {"timeout": 10},
    }
    if settings.tls_certificate_file is not None:
        # BentoML only needs to know that there is TLS. It would pass a password on the command line, which every user can read.
        config["ssl"] = {"enabled": True, "certfile": str(settings.tls_certificate_file)}
    return config


class TabentoService(Service[Any]):
    """A BentoML service whose requests are answered by ``Application``.

    The wrapped class has two attributes that this one reads: ``settings``, a ``ServingSettings``, and on its instances
    ``model``, the ``ServedModel`` that answers as soon as the instance exists.
    """

    def to_asgi(self, is_main: bool = True) -> App:
        """Return the application that answers this service's port."""
        settings: ServingSettings = self.inner.settings
        if is_started_by_supervisor():
            configure_log("worker", settings.log_level, settings.log_format)
        self.application = Application(super().to_asgi(is_main=is_main), settings)
        install()
        install_tls(settings)
        self.application.metrics.link = connect()
        return with_options(self.application, settings)

    def __call__(self) -> Any:
        """Make the service's instance, then, on a server's event loop, start answering with its model.

        A worker that fails here reports the reason to the supervisor: it would fail again after each restart.
        """
        application: Application | None = getattr(self, "application", None)
        link = None if application is None else application.metrics.link
        try:
            return self._start(application)
        except Exception as error:
            if link is not None:
                silence_libraries(error)
                with contextlib.suppress(LinkError):
                    link.fail(reason_of(error))
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


def packed_tag(bento: Bento | None, requested: str) -> str:
    """Return the tag of the bundle to serve: the one inside a built Bento, otherwise the requested one.

    Raises:
        BundleNotFoundError: the Bento contains another model than the requested one.
    """
    if bento is None:
        return requested
    return choose_packed(str(bento.tag), [str(model.tag) for model in bento.info.all_models], requested)
