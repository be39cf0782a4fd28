"""Kaggle addresses: ``kaggle://owner/dataset/file.csv``, downloaded by Kaggle's public API with the key from the environment.

The API (https://www.kaggle.com/docs/api) sends the file, or a .zip archive of it if it is large. The checksum in a config is
always the checksum of the file itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from tabento.bundle.env_files import EnvironmentFileError, environment_files, read_environment_file
from tabento.tables.faults import DownloadError
from training.data.identity import KAGGLE_SCHEME

API = "https://www.kaggle.com/api/v1"
TOKEN, USERNAME, KEY, ENDPOINT = "KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_ENDPOINT"
"""The variables that Kaggle's own tools read."""
_FORM = re.compile(r"^kaggle://(?P<owner>[\w.-]+)/(?P<dataset>[\w.-]+)/(?P<file>[^?#]+)$")


@dataclass(frozen=True)
class Download:
    """The request for a file."""

    url: str
    """The https address."""
    auth: httpx.Auth | None = None
    """The caller's key. httpx does not send it to another host if the API redirects there."""


def is_kaggle(url: str) -> bool:
    """Return whether an address belongs to Kaggle."""
    return url.startswith(KAGGLE_SCHEME)


def kaggle_download(url: str, environment: Mapping[str, str] | None = None) -> Download:
    """Return the request for a Kaggle address.

    Args:
        url: ``kaggle://owner/dataset/file.csv``; the file can be inside folders.
        environment: the variables with the key; by default the variables of the process and of ``.env``.

    Raises:
        DownloadError: the address has another form, or there is no key; the message tells where to get one.
    """
    match = _FORM.match(url)
    if match is None:
        raise DownloadError(f"{url}: expected an address such as kaggle://owner/dataset/file.csv.")
    variables = _environment() if environment is None else environment
    base = variables.get(ENDPOINT, "").rstrip("/") or API
    path = f"{match['owner']}/{match['dataset']}/{quote(match['file'])}"
    return Download(f"{base}/datasets/download/{path}", _auth(url, variables))


def _auth(url: str, variables: Mapping[str, str]) -> httpx.Auth:
    if token := variables.get(TOKEN):
        return _Bearer(token)
    username, key = variables.get(USERNAME), variables.get(KEY)
    if username and key:
        return httpx.BasicAuth(username, key)
    raise DownloadError(
        f"{url} needs a key of Kaggle: set {TOKEN}, or {USERNAME} and {KEY}, in the environment or in .env. You get one on"
        " https://www.kaggle.com/settings under API. Or give the file with DATA=<path>."
    )


class _Bearer(httpx.Auth):
    """A token in the header ``Authorization``; no message contains its text."""

    def __init__(self, token: str) -> None:
        """Keep the token."""
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request with the token."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def _environment() -> dict[str, str]:
    try:
        files = environment_files(Path(), os.environ)
        variables_of_files = [read_environment_file(path) for path in files]
    except EnvironmentFileError as error:
        raise DownloadError(str(error)) from error
    merged: dict[str, str] = {}
    for variables in (*variables_of_files, dict(os.environ)):
        merged.update(variables)
    return merged
