"""TLS: the certificate of the settings, read again when its files change.

uvicorn makes the context of a server by a function of its module ``config``. BentoML has no setting for its details, so that
function is replaced for the certificate of the settings, as ``serving.fastpath.install`` replaces the protocol. Checked against
uvicorn 0.54.0; a test pins it.
"""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn.config

from serving.settings import ServingSettings, SettingsError

logger = logging.getLogger("tabento.serving")

RELOAD_S = 1.0
"""The shortest time between two checks of the files, in seconds."""

_uvicorns_function: Callable[..., ssl.SSLContext] = uvicorn.config.create_ssl_context
_Signature = tuple[tuple[int, int, int], ...]


class ServerCertificate:
    """A certificate with its key, and the certificates of those who sign clients' certificates.

    Args:
        settings: the serving settings, with ``tls_certificate_file``.
        clock: the time in seconds.

    Raises:
        SettingsError: a file is missing, or does not contain what it should.
    """

    def __init__(self, settings: ServingSettings, clock: Callable[[], float] = time.monotonic) -> None:
        assert settings.tls_certificate_file is not None
        self._certificate = settings.tls_certificate_file
        self._key = settings.tls_key_file
        self._password = settings.tls_key_password
        self._client_ca = settings.tls_client_ca_file
        self._clock = clock
        self._checked_s = clock()
        self._signature = self._read_signature()
        self._present = self._read()
        self.context = self._read()
        """The context of the server. A handshake continues with the context of the files' present content."""
        self.context.sni_callback = self._choose  # called for each handshake, also for a client that names no server

    def _files(self) -> list[tuple[str, Path]]:
        named = (
            ("tls_certificate_file", self._certificate),
            ("tls_key_file", self._key),
            ("tls_client_ca_file", self._client_ca),
        )
        return [(name, path) for name, path in named if path is not None]

    def _read_signature(self) -> _Signature:
        """Return numbers that change when a file changes.

        Raises:
            SettingsError: a file is missing.
        """
        states = []
        for name, path in self._files():
            try:
                state = os.stat(path)  # noqa: PTH116 - on the event loop
            except OSError as error:
                raise SettingsError(f"{name}: {path} cannot be read: {error.strerror}") from error
            states.append((state.st_mtime_ns, state.st_ino, state.st_size))
        return tuple(states)

    def _read(self) -> ssl.SSLContext:
        """Return a context of the files' content.

        Raises:
            SettingsError: a file does not contain what it should.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._certificate, self._key, self._key_password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise SettingsError(
                f"tls_certificate_file: {self._certificate} and its key cannot be used: {_reason(error)}."
                " Expected a certificate in PEM format, the private key that belongs to it, and its password if it has one."
            ) from error
        if self._client_ca is not None:
            try:
                context.load_verify_locations(self._client_ca)
            except (OSError, ValueError) as error:
                raise SettingsError(
                    f"tls_client_ca_file: {self._client_ca} cannot be used: {_reason(error)}. Expected certificates in PEM format."
                ) from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _key_password(self) -> str:
        """Return the password of the key; called only for an encrypted key, for which OpenSSL would ask at the terminal."""
        if self._password is None:
            raise SettingsError("tls_key_file is encrypted: set tls_key_password.")
        return self._password.get_secret_value()

    def _choose(self, connection: Any, _server_name: str | None, _context: ssl.SSLContext) -> None:
        """Continue a handshake with the present certificate; see ``ssl.SSLContext.sni_callback``."""
        now = self._clock()
        if now - self._checked_s >= RELOAD_S:
            self._checked_s = now
            self._check_files()
        connection.context = self._present

    def _check_files(self) -> None:
        """Read the files again if they have changed; if they cannot be used, the former certificate stays."""
        try:
            signature = self._read_signature()
            if signature == self._signature:
                return
            self._signature = signature
            self._present = self._read()
        except SettingsError as error:
            logger.warning("the changed TLS files cannot be used, the former certificate stays: %s", error)
        else:
            logger.info("the TLS certificate was read again")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return str(error.reason or error)
    return str(error.strerror if isinstance(error, OSError) else error)


def check_tls(settings: ServingSettings) -> None:
    """Check the TLS files of the settings, if there are any.

    Raises:
        SettingsError: a file is missing, or does not contain what it should.
    """
    if settings.tls_certificate_file is not None:
        ServerCertificate(settings)


def install_tls(settings: ServingSettings) -> None:
    """Make the servers of this process that use the certificate of the settings use its context; others keep uvicorn's."""
    certificate = settings.tls_certificate_file
    if certificate is None:
        return

    def create_context(certfile: str | os.PathLike[str], **options: Any) -> ssl.SSLContext:
        if Path(certfile) == certificate:
            return ServerCertificate(settings).context
        return _uvicorns_function(certfile=certfile, **options)

    uvicorn.config.create_ssl_context = create_context  # type: ignore[assignment]
