"""The origin of the keys: the settings, and a file that is read again when it changes.

A thread looks at the file once a second, so that a slow disk cannot stop the event loop. It compares the device, inode,
size and times of the file behind the path. So it notices a file that was edited in place, a file that was renamed over
the former one, and Kubernetes' exchange of the link ``..data`` of a mounted Secret or ConfigMap. If a new file is wrong, the
former keys stay valid, health is degraded, and one log line has the reason.
"""

from __future__ import annotations

import logging
import os
import threading

from serving.guards.keyring import Keyring
from serving.settings import ServingSettings
from tabento.keys.errors import KeysError
from tabento.keys.inline import parse_inline_keys
from tabento.keys.key_file import Records, check_unique, parse_keys, read_bytes

logger = logging.getLogger("tabento.serving")

CHECK_S = 1.0
"""The seconds between two looks at the file."""

_Signature = tuple[int, int, int, int, int]


def has_keys(settings: ServingSettings) -> bool:
    """Return whether the settings ask for API keys."""
    return settings.api_keys_file is not None or settings.api_keys is not None


def read_all_keys(settings: ServingSettings) -> Records:
    """Return the records of the settings and of the file.

    Raises:
        KeysError: the setting ``api_keys`` or the file is wrong, or both have a key of the same id or secret.
    """
    return _read_source(settings)[0]


def _read_source(settings: ServingSettings) -> tuple[Records, _Signature | None]:
    """Return the records, and the signature of the file that was read."""
    inline = settings.api_keys
    records = () if inline is None else parse_inline_keys(inline.get_secret_value(), "api_keys")
    path = settings.api_keys_file
    if path is None:
        return records, None
    data, state = read_bytes(path)
    file_records = parse_keys(data, str(path))
    if records:
        records = (*records, *file_records)
        check_unique(records, f"api_keys and {path}")
        return records, _signature(state)
    return file_records, _signature(state)


class KeySource:
    """Fills a keyring, and keeps it up to date.

    Args:
        settings: the serving settings.
        keyring: receives the keys.

    Raises:
        KeysError: the keys cannot be read at the start.
    """

    def __init__(self, settings: ServingSettings, keyring: Keyring) -> None:
        self._settings = settings
        self._keyring = keyring
        self.fault: str | None = None
        """The reason why the present file is not used, for the log; None if it is used. It contains the path."""
        records, self._signature = _read_source(settings)
        keyring.replace(records)
        if not len(keyring):
            logger.warning("no API key is valid now: every request that needs a key is refused")
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look at the file once a second from now on, if there is one."""
        if self._settings.api_keys_file is None or self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="tabento-keys", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking. The thread ends by itself; a slow disk does not delay the caller."""
        self._end.set()

    def check(self) -> None:
        """Read the file if it has changed since the last look."""
        path = self._settings.api_keys_file
        assert path is not None
        try:
            signature = _signature(os.stat(path))  # noqa: PTH116 - Path.stat takes twice the time, every second
        except OSError:
            signature = None
        if signature is not None and signature == self._signature and self.fault is None:
            return
        try:
            records, self._signature = _read_source(self._settings)
        except KeysError as error:  # the next look tries again: the disk may have failed
            self._report(str(error))
            return
        self._keyring.replace(records)
        self.fault = None
        logger.info("the key file was read: %d secrets are valid", len(self._keyring))

    def _report(self, fault: str) -> None:
        if fault != self.fault:
            logger.error("the new key file is not used, the former keys stay valid: %s", fault)
        self.fault = fault

    def _run(self) -> None:
        while not self._end.wait(CHECK_S):
            try:
                self.check()
            except Exception as error:
                logger.exception("the key file could not be checked")
                self.fault = type(error).__name__


def _signature(state: os.stat_result) -> _Signature:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns
