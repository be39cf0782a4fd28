"""TLS of gRPC: the certificate of HTTP, read again when its files change."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from serving.settings import ServingSettings, SettingsError

logger = logging.getLogger("tabento.serving")

RELOAD_S = 1.0
"""The shortest time between two checks of the files, in seconds."""

_Contents = tuple[bytes, bytes, bytes | None]


class CertificateFiles:
    """The files of the certificate.

    Args:
        settings: the serving settings, with ``tls_certificate_file``.
        clock: the time in seconds.
    """

    def __init__(self, settings: ServingSettings, clock: Callable[[], float] = time.monotonic) -> None:
        assert settings.tls_certificate_file is not None
        self._certificate = settings.tls_certificate_file
        self._key = settings.tls_key_file or settings.tls_certificate_file
        self._client_ca = settings.tls_client_ca_file
        self._clock = clock
        self._checked_s = clock()
        self._contents: _Contents | None = None

    def read(self) -> grpc.ServerCertificateConfiguration:
        """Return the certificate.

        Raises:
            SettingsError: a file cannot be read.
        """
        self._contents = contents = self._read()
        key, chain, client_ca = contents
        return grpc.ssl_server_certificate_configuration(((key, chain),), client_ca)

    def read_again(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the certificate if its files have changed, else None. gRPC calls it for each handshake, from any thread.

        If the files cannot be read, the former certificate stays.
        """
        now = self._clock()
        if now - self._checked_s < RELOAD_S:
            return None
        self._checked_s = now
        try:
            return None if self._read() == self._contents else self.read()
        except SettingsError as error:
            logger.warning("the changed TLS files cannot be used, the former certificate of gRPC stays: %s", error)
            return None

    def _read(self) -> _Contents:
        client_ca = None if self._client_ca is None else _content("tls_client_ca_file", self._client_ca)
        return (
            _content("tls_key_file", self._key),
            _content("tls_certificate_file", self._certificate),
            client_ca,
        )


def server_credentials(settings: ServingSettings) -> grpc.ServerCredentials | None:
    """Return the credentials of the server; None without TLS.

    Raises:
        SettingsError: a file cannot be read.
    """
    if settings.tls_certificate_file is None:
        return None
    files = CertificateFiles(settings)
    return grpc.dynamic_ssl_server_credentials(
        files.read(), files.read_again, require_client_authentication=settings.tls_client_ca_file is not None
    )


def _content(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{name}: {path} cannot be read: {error.strerror}") from error
