"""The serving side's settings: ``configs/serving.yaml``, overridden by a profile, ``.env``, secrets and ``TABENTO_…`` variables."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from monitoring.settings import MonitoringSettings
from rollout.settings import RolloutSettings
from serving.client_address import parse_proxy
from serving.remote.redis_link import check_url
from tabento.bundle.env_files import EnvironmentFileError, environment_files
from tabento.bundle.environment import refused_variables, variables_of_settings, without_injected
from tabento.bundle.secret_files import check_secret_files, secrets_folder
from tabento.keys.secret import PREFIX as SECRET_PREFIX

ENV_PREFIX = "TABENTO_"
TRAINING_PREFIX = "TABENTO_TRAINING_"
"""The prefix of training's variables, see ``training.config.settings``; one shell may have both."""
SERVING_FILE = "configs/serving.yaml"

ROOT_PATH_PATTERN = r"^(/[A-Za-z0-9._~-]+)*$"
"""A path prefix: segments of unreserved characters (RFC 3986, section 2.3), no slash at the end, or nothing.

Two slashes at the beginning would name another host, so an empty segment is not allowed.
"""
HOST_PATTERN = re.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]").fullmatch
"""A host name, an address of IPv4, an address of IPv6 in brackets, or ``*.`` and a name for all names below it."""
_PATHS = ("api_keys_file", "rollout_folder", "rollout_file", "trusted_bundle_keys_file")
"""Settings whose relative paths start at the folder of ``service.py``."""
_SECRET_NAME = re.compile(r"key|secret|token|password")
"""Parts of the names of settings whose values are not shown, also if a name is not a setting."""
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

InputPolicy = Literal["reject", "accept", "clip"]
"""The treatment of a value outside the contract's range or categories."""

PositiveInt = Annotated[int, Field(gt=0)]
RatePerMinute = Annotated[int, Field(ge=1, le=1_000_000_000)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SettingsError(Exception):
    """A setting is unknown or impossible."""


class ServingSettings(BaseSettings, MonitoringSettings, RolloutSettings):
    """The settings of a service: changes need no training.

    Order: environment > secrets folder > ``.env`` > profile > YAML > default, see ``tabento.bundle.env_files``.
    """

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    model: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(:[A-Za-z0-9._-]+)?$")] = "california"
    """The bundle of the model store that is served: ``name``, for the latest, or ``name:version``."""
    max_rows: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """The largest number of rows of a request."""
    unknown_fields: Literal["refuse", "ignore"] = "refuse"
    """Whether a row with fields outside the contract is refused, or answered as if it did not have them."""
    input_policies: dict[str, InputPolicy] = Field(default_factory=dict)
    """The treatment of values outside the range or the categories of a feature, by the feature's name: ``reject``, ``accept``
    (the value is answered and counted) or ``clip`` (the value is moved to the bound, which the answer says). A feature that is
    not listed is treated as its contract says."""
    max_body_bytes: Annotated[int, Field(ge=1_024, le=1 << 30)] = 4 * 1024 * 1024
    """The largest number of bytes of a request's body."""
    body_timeout_s: PositiveFloat = 10.0
    """The seconds within which a client must send a body."""
    slo_p99_ms: PositiveFloat | None = None
    """The latency SLO, in milliseconds: 99% of answers are sent within it. Null: the value in the bundle's contract."""
    max_queue_rows: PositiveInt = 20_000
    """The largest number of rows that wait for the model; further requests are refused with 503."""
    max_batch_rows: Annotated[int, Field(ge=1, le=65_536)] = 1_024
    """The largest number of rows in one call of the model."""
    slice_rows: Annotated[int, Field(ge=1, le=65_536)] = 64
    """The largest number of rows of one request in one call of the model, so that a large request does not delay others."""
    inline_ms: PositiveFloat = 10.0
    """A batch that is predicted to take longer than this runs in a thread, a faster one on the event loop."""
    cache_bytes: Annotated[int, Field(ge=0, le=1 << 40)] = 0
    """The largest number of bytes of cached answers in each worker process; 0: answers are not cached."""
    cache_age_s: PositiveFloat = 3_600.0
    """The seconds after which a cached answer is not used any more."""
    max_head_bytes: Annotated[int, Field(ge=1_024, le=1 << 20)] = 32 * 1024
    """The largest number of bytes of a request's head, and of the trailers and extensions of a chunked body."""
    head_timeout_s: PositiveFloat = 10.0
    """The seconds within which a client must send a request's head, and begin one on a new connection."""
    keep_alive_s: PositiveFloat = 75.0
    """The seconds for which an idle connection stays open; longer than any proxy keeps its own."""
    write_timeout_s: PositiveFloat = 30.0
    """The seconds after which a client that does not read its answer is disconnected."""
    max_connections: PositiveInt = 10_000
    """The largest number of open connections; further ones get 503 immediately."""
    max_connections_per_address: PositiveInt = 1_000
    """The largest number of open connections of one address, of IPv6 of one /64 network. Trusted proxies and this computer have no such limit."""
    max_slow_connections: PositiveInt = 1_000
    """The largest number of connections whose request has not arrived after two seconds; of more, the ones that wait longest are closed with 408."""
    max_buffered_bytes: Annotated[int, Field(ge=1 << 20)] = 256 * 1024 * 1024
    """The largest number of bytes of all bodies that are still arriving; further requests get 503."""
    answer_timeout_s: PositiveFloat = 60.0
    """The seconds after which a watchdog answers 500 to a request that was not answered; this should never happen."""
    doorman: bool = True
    """Whether plain predictions, and refusals for load, take the fast path without ASGI, which takes half the time."""
    readiness_max_overload_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    """The seconds of refusing nearly all predictions after which ``/readyz`` is 503 for a short time; 0: never."""
    drain_s: Annotated[float, Field(ge=0, le=600)] = 1.0
    """The seconds after SIGTERM in which ``/readyz`` is 503 and requests are still answered, before the port closes."""
    drain_limit_s: Annotated[float, Field(gt=0, le=3_600)] = 30.0
    """The seconds after ``drain_s`` within which the process ends, also if requests are in flight."""
    access_log: bool = False
    """Whether each request is logged as a line of JSON."""
    root_path: Annotated[str, Field(pattern=ROOT_PATH_PATTERN)] = ""
    """The path prefix under which a proxy publishes the service, such as ``/models/house``; requests may arrive with or without it."""
    trusted_proxies: tuple[str, ...] = ()
    """The proxies that may name the client's address: addresses, networks such as ``10.0.0.0/8``, and ``unix``; by default none."""
    allowed_hosts: tuple[str, ...] = ()
    """The host names under which the service answers, such as ``api.example.com`` or ``*.example.com``; empty for any. Health probes need none."""
    security_headers: bool = True
    """Whether answers have security headers for browsers, such as ``x-content-type-options: nosniff``."""
    tls_certificate_file: Path | None = None
    """The certificate chain in PEM format with which the service speaks HTTPS; it is read again when the file changes. Null: plain HTTP."""
    tls_key_file: Path | None = None
    """The private key of the certificate in PEM format; null if the certificate's file contains it."""
    tls_key_password: SecretStr | None = None
    """The password of the private key."""
    tls_client_ca_file: Path | None = None
    """The certificates in PEM format that sign clients' certificates; if set, clients without a valid certificate are refused."""
    api_keys_file: Path | None = None
    """The file of API keys, which ``tabento keys`` writes; a relative path starts at the folder of ``service.py``. It is read again when it changes."""
    api_keys: SecretStr | None = None
    """API keys without a file: ``ID:SCOPE+SCOPE=sha256:DIGEST``, or a secret in place of ``sha256:DIGEST``; several are separated by commas or blanks."""
    allow_no_keys: bool = False
    """Whether the service may serve other computers without API keys; without them it otherwise starts on a loopback address only."""
    metrics_access: Literal["open", "key"] = "key"
    """Whether ``/metrics`` needs a key with the scope ``read``, if the service has keys."""
    docs_access: Literal["open", "key"] = "key"
    """Whether ``/``, ``/docs`` and ``/docs.json`` need a key with the scope ``read``, if the service has keys."""
    auth_failures_per_minute: PositiveInt = 20
    """The largest number of invalid API keys of one address in a minute; further ones get 429. Valid keys are always answered."""
    cors_origins: tuple[str, ...] = ()
    """The origins from which browsers may call; ``*`` is not accepted."""
    cors_headers: tuple[str, ...] = (
        "content-type",
        "x-api-key",
        "x-request-id",
        "x-deadline-ms",
        "authorization",
        "traceparent",
        "tracestate",
    )
    """The request headers that browsers of those origins may send; ``*`` is not accepted."""
    tracing_sample_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The share of requests that are traced with OpenTelemetry, in addition to requests whose caller traces; above 0 an endpoint is needed."""
    tracing_endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/]+")] | None = None
    """The collector's address for traces by OTLP over HTTP, such as ``http://localhost:4318/v1/traces``."""
    open_inference: bool = True
    """Whether the Open Inference Protocol over REST is answered, below ``/v2``."""
    invocations: bool = True
    """Whether ``/invocations`` and ``/ping`` are answered, as MLflow's scoring server and containers on SageMaker do."""
    grpc_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """The port of the Open Inference Protocol over gRPC, on the same address as HTTP. Null: no gRPC. See docs/grpc.md."""
    grpc_max_connections: PositiveInt = 1_000
    """The largest number of open connections of gRPC in each worker; further ones are closed immediately."""
    grpc_max_streams: PositiveInt = 100
    """The largest number of calls at the same time on one connection of gRPC; further ones wait in the client."""
    grpc_max_calls: PositiveInt = 64
    """The largest number of calls of gRPC at the same time in each worker; further ones are refused as overload."""
    grpc_keepalive_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """The seconds without data after which the service checks whether a connection of gRPC is still open."""
    onnx_threads: PositiveInt = 1
    """The number of threads of one ONNX Runtime call."""
    workers: PositiveInt = 1
    """The number of worker processes that share the port. In a container leave it at 1 and scale by replicas."""

    key_requests_per_minute: RatePerMinute | None = None
    """The largest number of predictions in any 60 seconds for an API key without a limit of its own; null for no limit."""
    key_rows_per_minute: RatePerMinute | None = None
    """The same for the number of rows in these predictions."""
    anonymous_requests_per_minute: RatePerMinute | None = None
    """The largest number of predictions in any 60 seconds for each address, if the service needs no keys; null for no limit."""
    anonymous_rows_per_minute: RatePerMinute | None = None
    """The same for the number of rows in these predictions."""
    max_anonymous_callers: PositiveInt = 10_000
    """The largest number of addresses that are counted at once; the one that was not seen for the longest time is forgotten."""
    redis_url: SecretStr | None = None
    """The Redis in which all processes share their limits, such as ``rediss://:password@redis.example:6379/0``; null for none."""
    redis_timeout_ms: PositiveFloat = 20.0
    """The milliseconds after which a call of Redis has failed; the limits of the process are then used."""
    redis_open_s: PositiveFloat = 60.0
    """The seconds after five failures of Redis until it is tried again."""
    redis_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] = "tabento"
    """The first part of all keys in Redis; services with the same prefix share their limits."""

    @field_validator("redis_url")
    @classmethod
    def _names_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            check_url(url.get_secret_value())
        return url

    @field_validator("cors_origins")
    @classmethod
    def _names_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in origins:
            raise ValueError("'*' would allow every site; list each origin, such as https://shop.example")
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _names_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            parse_proxy(proxy)
        return proxies

    @field_validator("allowed_hosts")
    @classmethod
    def _names_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not HOST_PATTERN(host):
                raise ValueError(f"{host!r} is not a host name; write api.example.com or *.example.com, without a port")
        return hosts

    @model_validator(mode="after")
    def _has_certificate(self) -> ServingSettings:
        dependent_names = ("tls_key_file", "tls_key_password", "tls_client_ca_file")
        if self.tls_certificate_file is None and any(getattr(self, name) is not None for name in dependent_names):
            raise ValueError(
                "tls_key_file, tls_key_password and tls_client_ca_file need tls_certificate_file; set it too"
            )
        return self

    @field_validator("cors_headers")
    @classmethod
    def _names_headers(cls, headers: tuple[str, ...]) -> tuple[str, ...]:
        for header in headers:
            # RFC 9110, section 5.6.2. A star is a valid token, but as a header list it would mean every header.
            if header == "*" or not _TOKEN.fullmatch(header):
                raise ValueError(f"{header!r} is not the name of a header; list each one, such as x-request-id")
        return tuple(header.lower() for header in headers)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the files, except for variables that an orchestrator injected."""
        assert isinstance(env_settings, EnvSettingsSource)
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        env_settings.env_vars = without_injected(env_settings.env_vars)
        dotenv_settings.env_vars = variables_of_settings(dotenv_settings.env_vars, ENV_PREFIX, cls.model_fields)
        return env_settings, file_secret_settings, dotenv_settings, init_settings


def load_settings(folder: Path) -> ServingSettings:
    """Read the settings of the checkout or Bento in ``folder``.

    Raises:
        SettingsError: the file is not a YAML mapping, or a key or a ``TABENTO_…`` variable is unknown or impossible.
    """
    path = folder / SERVING_FILE
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        content = {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from error
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise SettingsError(f"{path} must have keys and values, got {type(content).__name__}")
    variable_names = [ENV_PREFIX + name.upper() for name in ServingSettings.model_fields]
    try:
        files = environment_files(folder, os.environ)
        if message := refused_variables(os.environ, files, ENV_PREFIX, variable_names, TRAINING_PREFIX):
            raise SettingsError(message)
        secrets = secrets_folder(folder, os.environ, files)
        if secrets is not None:
            check_secret_files(secrets, ENV_PREFIX, variable_names, TRAINING_PREFIX)
    except EnvironmentFileError as error:
        raise SettingsError(str(error)) from error
    try:
        settings = ServingSettings(_env_file=files, _secrets_dir=secrets, **content)
    except ValidationError as error:
        lines = []
        for fault in error.errors(include_url=False):
            key = ".".join(str(part) for part in fault["loc"])
            allowed = (
                f"there are {', '.join(ServingSettings.model_fields)}"
                if fault["type"] == "extra_forbidden"
                else fault["msg"]
            )
            got = "a value that is not shown" if _may_be_secret(key, fault["input"]) else repr(fault["input"])
            lines.append(f"  {key}: got {got}: {allowed}")
        places = ", ".join(map(str, (path, *files, *([secrets] if secrets else []))))
        raise SettingsError(f"settings ({places} and {ENV_PREFIX}… variables):\n" + "\n".join(lines)) from error
    paths = {name: getattr(settings, name) for name in _PATHS}
    return settings.model_copy(update={name: folder / path for name, path in paths.items() if path is not None})


def _may_be_secret(key: str, value: object) -> bool:
    """Return whether the value of a wrong setting must not appear in a message."""
    field = ServingSettings.model_fields.get(key.partition(".")[0])
    is_declared = field is not None and SecretStr in (field.annotation, *get_args(field.annotation))
    return is_declared or _SECRET_NAME.search(key.lower()) is not None or SECRET_PREFIX in str(value)
