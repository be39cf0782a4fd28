"""The ASGI application of the service: it finds the routes of a request, and owns the parts that all routes share.

It stands outside BentoML's own application and middlewares, and passes on what belongs to BentoML. The path of a request
is drawn in ``docs/architecture.md``.
"""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from monitoring.snapshots import Series
from rollout.cascade.fetch import Cascade
from rollout.trials import Trials
from runners.clock import RunningLoop
from runners.loop_budget import LoopBudget
from serving.cache.answer_cache import AnswerCache
from serving.cache.cached_batcher import RemoteAnswers
from serving.client_address import CLIENT_ADDRESS, ClientAddresses
from serving.errors import ForbiddenError, ServingError
from serving.fastpath.connection_table import ConnectionTable, raise_file_limit
from serving.fleet.catalogue import Catalogue
from serving.fleet.loading import ModelLoader, give_back_memory
from serving.fleet.reconcile import Rollout
from serving.fleet.residents import LOADS, Residents
from serving.fleet.trials import build_trials
from serving.guards.build import build_guard, build_limiter, build_redis_link
from serving.guards.caller import CALLER
from serving.guards.guard import read_secret
from serving.guards.hosts import AllowedHosts, host_of, misdirected_error
from serving.guards.route_scopes import ALWAYS_OPEN_PATHS, is_admin_path, needed_scope, open_paths
from serving.http import App, Message, Receive, Scope, Send
from serving.live_model import LiveModel, Variant
from serving.model import ServedModel
from serving.operations.access_log import AccessLog
from serving.operations.accounting import RequestAccounting
from serving.operations.components import (
    DiskSpace,
    breaker_report,
    registry_report,
    rollout_report,
    service_health,
    temporary_folder,
)
from serving.operations.deep_health import DeepHealth
from serving.operations.health_monitor import HealthMonitor
from serving.operations.metrics import Metrics, MetricsTimer
from serving.operations.monitoring import build_monitoring
from serving.operations.overload_watch import OverloadWatch
from serving.operations.rollout_numbers import WORKERS
from serving.prediction_headers import PredictionHeaders
from serving.protocols.invocations import InvocationsRoute, invocations_routes
from serving.protocols.open_inference import InferRoute, error_response_for
from serving.protocols.open_inference_routes import OpenInferenceRoutes
from serving.protocols.paths import INVOCATIONS_PATH, infer_target
from serving.request_ids import RequestIds
from serving.routes.bentoml_pages import BENTOML_PATHS, BentomlPages
from serving.routes.cold import ColdRoutes
from serving.routes.log_level import LogLevelRoutes
from serving.routes.models import ModelRoutes
from serving.routes.monitoring import MonitoringRoutes
from serving.routes.paths import predict_target
from serving.routes.predict import PredictRoute
from serving.routes.prefix import CLIENT_SCOPE, without_prefix
from serving.routes.rollout import RolloutRoutes
from serving.routes.service_document import ServiceDocument
from serving.security_headers import with_security_headers
from serving.settings import ServingSettings
from serving.state import ServiceState
from serving.tracing.tracer import build_tracer

if TYPE_CHECKING:
    from serving.protocols.grpc.server import GrpcServer


class Application:
    """Answers the requests of one server.

    Args:
        inner: BentoML's own application; it also runs the service's start and stop.
        settings: the serving settings.
    """

    def __init__(self, inner: App, settings: ServingSettings) -> None:
        self._inner = inner
        self._has_ended = False
        self.settings = settings
        self.state = ServiceState()
        self.table = ConnectionTable(settings)
        """The connections of the server that runs this application."""
        self.ids = RequestIds()
        self.metrics = Metrics(settings.metrics_max_models)
        self.accounting = RequestAccounting(self.metrics, AccessLog() if settings.access_log else None)
        self.tracer = build_tracer(settings)
        """Samples predictions; None if tracing is off."""
        if self.tracer is not None and self.tracer.sender is not None:
            self.metrics.spans = self.tracer.sender.numbers
        self.cache = AnswerCache(settings.cache_bytes, settings.cache_age_s) if settings.cache_bytes else None
        """The answers of this process; None if they are not cached."""
        self.metrics.cache = self.cache
        self._metrics_timer = MetricsTimer(self.metrics, self.table)
        self.redis = self.metrics.redis = build_redis_link(settings)
        """The connection to Redis; None if the settings have no URL."""
        if self.redis is not None:
            self.metrics.breakers.append(self.redis.breaker)
        self.limiter = build_limiter(settings, self.metrics.rates, self.redis)
        self.guard = build_guard(settings, self.metrics, self.limiter)
        """Finds the caller of each request; None if the service has neither keys nor limits."""
        self._open_paths = open_paths(settings)
        self.addresses = ClientAddresses(settings.trusted_proxies)
        self.hosts = AllowedHosts(settings.allowed_hosts) if settings.allowed_hosts else None
        """The host names of the service; None if every name is allowed."""
        self.grpc: GrpcServer | None = None
        """The server of gRPC; None without ``grpc_port``, and before the service starts."""
        self.monitoring = self.metrics.monitoring = build_monitoring(settings)
        """The recorder of predictions; None if the service has no monitor process."""
        self._remote: RemoteAnswers | None = None
        self.budget: LoopBudget | None = None
        """The budget of the event loop, which all models share; None before the first model is live."""
        self._cascade = Cascade.from_settings(settings)
        self.loader = ModelLoader(settings, self.make_live, self._cascade)
        """Loads further versions and models beside the requests."""
        self.rollout = Rollout(self.state, self.loader, settings)
        """Keeps the live versions equal to the wanted ones."""
        self.residents = self._build_residents()
        """Loads models on demand; None if the service has one model only."""
        self.trials: Trials | None = None
        """Counts and judges the challengers; None before the service starts."""
        self.health = service_health(self.state, self.metrics)
        """The components of the service; another part of the service adds its own."""
        rollout = self.rollout
        self.health.add("rollout", False, lambda: rollout_report(rollout.source.fault, rollout.refusals))
        registry = rollout.registry
        if registry is not None:
            self.health.add("registry", False, lambda: registry_report(registry))
            self.metrics.breakers.append(registry.breaker)
        self.metrics.fetches = self._cascade.counts
        for breaker in self._cascade.breakers:
            if breaker not in self.metrics.breakers:
                self.metrics.breakers.append(breaker)
                self.health.add(breaker.name, False, partial(breaker_report, breaker))
        disk = DiskSpace([temporary_folder()])
        self.health.add("disk", False, disk.probe, disk.check)
        self.overload = OverloadWatch(settings.readiness_max_overload_s)
        self._health_monitor = HealthMonitor(self.health, self.metrics, self.overload)
        self._predict = PredictRoute(self.state, self.accounting, self.ids, self.tracer)
        self._bentoml_pages = BentomlPages(inner, self.accounting, self.ids)
        self._infer = InferRoute(self.state, self.accounting, self.ids, self.tracer)
        self._invocations = InvocationsRoute(self.state, self.accounting, self.ids, self.tracer)
        protocol_routes = OpenInferenceRoutes(self.state, self._infer).routes if settings.open_inference else []
        if settings.invocations:
            protocol_routes += invocations_routes(self.state, self._invocations)
        documents = ServiceDocument(self.state, settings)
        protocol_routes += ModelRoutes(self.state, settings, documents, self.rollout).routes
        protocol_routes += LogLevelRoutes(self.metrics).routes
        protocol_routes += MonitoringRoutes(self.monitoring, settings).routes
        protocol_routes += RolloutRoutes(
            self.rollout, self.state, settings, self._trial_reports, self._workers_by_versions
        ).routes
        self._cold = ColdRoutes(
            self.state,
            self.accounting,
            self.ids,
            self._predict,
            settings.root_path,
            protocol_routes,
            self.health,
            self.overload,
            documents,
            DeepHealth(self.state, self.health, pinned=settings.pinned_models),
        )

    def serve(self, served: ServedModel) -> None:
        """Start answering with a model that is loaded and warmed up; called on the running event loop."""
        loop = asyncio.get_running_loop()
        self.table.max_connections = raise_file_limit(self.settings.max_connections)
        self._remote = self._remote_answers()
        self._cascade.prepare()
        if self.tracer is not None and self.tracer.sender is not None:
            self.tracer.sender.start()
        self.state.set_model(self.make_live(served, "champion"))
        self.metrics.models.reserve(self.state.known_names())
        self.trials = build_trials(self.settings, self.rollout, self.metrics, self.monitoring)
        self.rollout.start()
        if self.residents is not None:
            self.residents.start(self.loader)
            self.state.on_demand = self.residents
        if self.settings.grpc_port is not None:
            from serving.protocols.grpc.server import start_server  # not imported without the setting

            self.grpc = start_server(self, self.settings.grpc_port)
        if self.monitoring is not None:
            self.monitoring.start(loop, self.health)
        self._metrics_timer.start(loop)
        if self.guard is not None:
            self.guard.start()
        if self.redis is not None:
            self.redis.start()
        self._health_monitor.start(loop)
        # The objects made so far live as long as the process: no collection needs to visit them again.
        gc.collect()
        gc.freeze()
        # Opening a large graph takes several times its memory.
        give_back_memory()

    def make_live(self, served: ServedModel, variant: Variant) -> LiveModel:
        """Return a model that can answer on the running event loop; it gets no requests before the state has it."""
        loop = asyncio.get_running_loop()
        if self.budget is None:
            self.budget = LoopBudget(RunningLoop(loop))
        model = LiveModel(
            served,
            self.settings,
            self.accounting,
            loop,
            self.cache,
            self._remote,
            self.monitoring,
            variant,
            self.budget,
        )
        if self.tracer is not None:
            model.batcher.observe_batch = self.tracer.observe_batch
        return model

    def _build_residents(self) -> Residents | None:
        settings = self.settings
        if not settings.models and not settings.pinned_models:
            return None
        loader = ModelLoader(settings, self.make_live, self._cascade, quick=True, threads=LOADS)
        catalogue = Catalogue(settings.models, settings.pinned_models)
        return Residents(self.state, loader, catalogue, self.rollout, settings, self.accounting)

    def _remote_answers(self) -> RemoteAnswers | None:
        """Return the second tier of the cache; None without a cache or without Redis."""
        if self.cache is None or self.redis is None:
            return None
        # Imported only here: it loads nothing that a service without Redis needs.
        from serving.cache.redis_answers import RedisAnswers, runtime_identity

        settings = self.settings
        return RedisAnswers(self.redis, settings.redis_prefix, settings.cache_age_s, runtime_identity())

    async def _trial_reports(self) -> list[dict[str, Any]]:
        """Return the reports on the challengers of all workers."""
        if self.trials is None:
            return []
        await self.trials.refresh()
        return self.trials.reports()

    async def _workers_by_versions(self) -> Series:
        """Return the number of workers by model, champion and challenger."""
        return (await self.metrics.total()).values.get(WORKERS, {})

    def stop(self) -> None:
        """Stop answering for good."""
        for model in self.state.remove_models():
            model.close()
        self.loader.close()
        self._metrics_timer.stop()
        if self.guard is not None:
            self.guard.stop()
        self._health_monitor.stop()

    async def _end(self) -> None:
        """Stop all parts, once."""
        if self._has_ended:
            return
        self._has_ended = True
        if self.grpc is not None:
            await self.grpc.stop()
        await self.rollout.stop()
        if self.residents is not None:
            await self.residents.stop()
        if self.trials is not None:
            await self.trials.stop()
        self.stop()
        if self.tracer is not None and self.tracer.sender is not None:
            await asyncio.to_thread(self.tracer.sender.close)
        if self.monitoring is not None:
            await self.monitoring.stop()
        if self.redis is not None:
            await self.redis.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see the ASGI specification, version 3."""
        if scope["type"] != "http":
            if scope["type"] != "lifespan":
                await self._inner(scope, receive, send)
                return

            async def end_first(message: Message) -> None:
                # uvicorn ends its process as soon as it has this message.
                if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                    await self._end()
                await send(message)

            await self._inner(scope, receive, end_first)
            await self._end()  # if the start failed, nothing was shut down
            return
        if CLIENT_ADDRESS not in scope:  # another server than ours
            peer = scope["client"][0] if scope.get("client") else None
            scope[CLIENT_ADDRESS] = self.addresses.resolve(peer, scope["headers"])
            if self.settings.security_headers:
                send = with_security_headers(send, is_tls=scope.get("scheme") == "https")
        path = without_prefix(scope["path"], scope, self.settings.root_path)
        if len(path) > 1 and path[-1] == "/":
            path = path.rstrip("/") or "/"
        if self.hosts is not None and path not in ALWAYS_OPEN_PATHS and not self.hosts.allow(host_of(scope["headers"])):
            await self._refuse(scope, path, perf_counter(), misdirected_error())(scope, receive, send)
            return
        if self.guard is not None or is_admin_path(path):
            error = self._identify(scope, path)
            if error is not None:
                await error(scope, receive, send)
                return
        if scope["method"] == "POST" and predict_target(path) is not None:
            # Copying a scope costs more than this comparison.
            await self._predict(scope if path == scope["path"] else {**scope, "path": path}, receive, send)
            return
        routed = {**scope, "path": path, "root_path": ""}
        if scope["method"] == "POST":
            if self.settings.open_inference and infer_target(path) is not None:
                await self._infer(routed, receive, send)
                return
            if self.settings.invocations and path == INVOCATIONS_PATH:
                await self._invocations(routed, receive, send)
                return
        if path.startswith(BENTOML_PATHS):
            await self._bentoml_pages(routed, receive, send)
        else:
            routed[CLIENT_SCOPE] = scope
            await self._cold(routed, receive, send)

    def _identify(self, scope: Scope, path: str) -> App | None:
        """Store the caller of a request in its scope, or return the response that refuses the caller."""
        permission = needed_scope(scope["method"], path, self._open_paths)
        if permission is None:
            return None
        started_s = perf_counter()
        try:
            if self.guard is None:
                raise ForbiddenError(f"{path} needs an API key with the scope 'admin'; the service has no keys.")
            scope[CALLER] = self.guard.identify(read_secret(scope["headers"]), scope[CLIENT_ADDRESS], permission)
        except ServingError as error:
            return self._refuse(scope, path, started_s, error)
        return None

    def _refuse(self, scope: Scope, path: str, started_s: float, error: ServingError) -> App:
        """Return the response to a request that is refused before its route, and account for it."""
        request_id = self.ids.choose(PredictionHeaders(scope["headers"]).request_id)
        target = predict_target(path)
        route = "refused" if target is None else target.route
        client = scope[CLIENT_ADDRESS]
        self.accounting.finish(scope["method"], route, path, error.status, started_s, request_id, client)
        return error_response_for(path, request_id, error)
