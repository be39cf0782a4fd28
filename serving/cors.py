"""Cross-origin requests: the headers with which browsers let pages of other origins call the service."""

from __future__ import annotations

from serving.application import Application
from serving.http import App
from serving.settings import ServingSettings

EXPOSED_HEADERS = ("x-request-id", "retry-after", "ratelimit", "ratelimit-policy", "x-cache")
"""The headers of answers that scripts of allowed origins may read."""


def with_options(application: Application, settings: ServingSettings) -> App:
    """Wrap the application in CORS, if it is switched on."""
    app: App = application
    if settings.cors_origins:
        from starlette.middleware.cors import CORSMiddleware  # not imported without the setting

        app = CORSMiddleware(
            app,
            allow_origins=list(settings.cors_origins),
            allow_methods=("GET", "POST"),
            allow_headers=settings.cors_headers,
            expose_headers=EXPOSED_HEADERS,
            allow_credentials=False,
            max_age=3600,
        )
    return app
