"""The ASGI application of the service: it finds the routes of a request, and owns the parts that all routes share.

It stands outside BentoML's own application and middlewares, and passes on what belongs to BentoML. The path of a request
is drawn in ``docs/architecture.md``.
"""

from __future__ import annotations

import asyncio
import gc

from serving.fastpath.connection_table import ConnectionTable, raise_file_limit
from serving.http import App, Receive, Scope, Send
from serving.live_model import LiveModel
from serving.model import ServedModel
from serving.operations.access_log import AccessLog
from serving.operations.accounting import RequestAccounting
from serving.operations.metrics import Metrics, MetricsTimer
from serving.request_ids import RequestIds
from serving.routes.cold import CLIENT_SCOPE, ColdRoutes
from serving.routes.paths import PREDICT_PATHS
from serving.routes.predict import PredictRoute
from serving.routes.prefix import without_prefix
from serving.settings import ServingSettings
from serving.state import ServiceState

BENTOML_PATHS = ("/schema.json", "/static_content/")
"""The paths of BentoML's own application that stay reachable: the schema for its clients, and the assets of pages."""


class Application:
    """Answers the requests of one server.

    Args:
        inner: BentoML's own application; it also runs the service's start and stop.
        settings: the serving settings.
    """

    def __init__(self, inner: App, settings: ServingSettings) -> None:
        self._inner = inner
        self.settings = settings
        self.state = ServiceState()
        self.table = ConnectionTable(settings)
        """The connections of the server that runs this application."""
        self.ids = RequestIds()
        self.metrics = Metrics()
        self.accounting = RequestAccounting(self.metrics, AccessLog() if settings.access_log else None)
        self._metrics_timer = MetricsTimer(self.metrics, self.table)
        self._predict = PredictRoute(self.state, self.accounting, self.ids)
        self._cold = ColdRoutes(self.state, self.accounting, self.ids, self._predict, settings.root_path)

    def serve(self, served: ServedModel) -> None:
        """Start answering with a model that is loaded and warmed up; called on the running event loop."""
        loop = asyncio.get_running_loop()
        self.table.max_connections = raise_file_limit(self.settings.max_connections)
        model = LiveModel(served, self.settings, self.accounting, loop)
        bundle = model.bundle
        self.metrics.attach(model.runner)
        self.metrics.describe_model(bundle.name, bundle.version, bundle.manifest.provenance.data)
        self.state.set_model(model)
        self._metrics_timer.start(loop)
        # The objects made so far live as long as the process: no collection needs to visit them again.
        gc.collect()
        gc.freeze()

    def stop(self) -> None:
        """Stop answering for good."""
        model = self.state.remove_model()
        if model is not None:
            model.close()
        self._metrics_timer.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see the ASGI specification, version 3."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            if scope["type"] == "lifespan":
                self.stop()
            return
        path = without_prefix(scope["path"], scope, self.settings.root_path)
        if len(path) > 1 and path[-1] == "/":
            path = path.rstrip("/") or "/"
        if path in PREDICT_PATHS and scope["method"] == "POST":
            # Copying a scope costs more than this comparison.
            await self._predict(scope if path == scope["path"] else {**scope, "path": path}, receive, send)
            return
        routed = {**scope, "path": path, "root_path": ""}
        if path.startswith(BENTOML_PATHS):
            await self._inner(routed, receive, send)
        else:
            routed[CLIENT_SCOPE] = scope
            await self._cold(routed, receive, send)
