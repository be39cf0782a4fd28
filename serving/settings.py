"""The serving side's settings: ``configs/serving.yaml``, overridden by a profile, ``.env`` and ``TABENTO_…`` variables."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from tabento.bundle.env_files import EnvironmentFileError, environment_files
from tabento.bundle.environment import refused_variables, variables_of_settings, without_injected

ENV_PREFIX = "TABENTO_"
TRAINING_PREFIX = "TABENTO_TRAINING_"
"""The prefix of training's variables, see ``training.config.settings``; one shell may have both."""
SERVING_FILE = "configs/serving.yaml"

ROOT_PATH_PATTERN = r"^(/[A-Za-z0-9._~-]+)*$"
"""A path prefix: segments of unreserved characters (RFC 3986, section 2.3), no slash at the end, or nothing.

Two slashes at the beginning would name another host, so an empty segment is not allowed.
"""
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SettingsError(Exception):
    """A setting is unknown or impossible."""


class ServingSettings(BaseSettings):
    """The settings of a service: changes need no training.

    Order: environment > ``.env`` > profile > YAML > default, see ``tabento.bundle.env_files``.
    """

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)

    model: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(:[A-Za-z0-9._-]+)?$")] = "california"
    """The bundle of the model store that is served: ``name``, for the latest, or ``name:version``."""
    max_rows: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """The largest number of rows of a request."""
    unknown_fields: Literal["refuse", "ignore"] = "refuse"
    """Whether a row with fields outside the contract is refused, or answered as if it did not have them."""
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
    max_buffered_bytes: Annotated[int, Field(ge=1 << 20)] = 256 * 1024 * 1024
    """The largest number of bytes of all bodies that are still arriving; further requests get 503."""
    answer_timeout_s: PositiveFloat = 60.0
    """The seconds after which a watchdog answers 500 to a request that was not answered; this should never happen."""
    doorman: bool = True
    """Whether plain predictions, and refusals for load, take the fast path without ASGI, which takes half the time."""
    drain_s: Annotated[float, Field(ge=0, le=600)] = 1.0
    """The seconds after SIGTERM in which new requests get 503, before the port closes."""
    drain_limit_s: Annotated[float, Field(gt=0, le=3_600)] = 30.0
    """The seconds after ``drain_s`` within which the process ends, also if requests are in flight."""
    access_log: bool = False
    """Whether each request is logged as a line of JSON."""
    root_path: Annotated[str, Field(pattern=ROOT_PATH_PATTERN)] = ""
    """The path prefix under which a proxy publishes the service, such as ``/models/house``; requests may arrive with or without it."""
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
    onnx_threads: PositiveInt = 1
    """The number of threads of one ONNX Runtime call."""
    workers: PositiveInt = 1
    """The number of worker processes that share the port. In a container leave it at 1 and scale by replicas."""

    @field_validator("cors_origins")
    @classmethod
    def _names_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in origins:
            raise ValueError("'*' would allow every site; list each origin, such as https://shop.example")
        return origins

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
        return env_settings, dotenv_settings, init_settings


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
    except EnvironmentFileError as error:
        raise SettingsError(str(error)) from error
    try:
        return ServingSettings(_env_file=files, **content)
    except ValidationError as error:
        lines = []
        for fault in error.errors(include_url=False):
            key = ".".join(str(part) for part in fault["loc"])
            allowed = (
                f"there are {', '.join(ServingSettings.model_fields)}"
                if fault["type"] == "extra_forbidden"
                else fault["msg"]
            )
            lines.append(f"  {key}: got {fault['input']!r}: {allowed}")
        places = ", ".join(map(str, (path, *files)))
        raise SettingsError(f"settings ({places} and {ENV_PREFIX}… variables):\n" + "\n".join(lines)) from error
