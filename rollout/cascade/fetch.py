"""The cascade: it finds a bundle in the local store, or fetches it from the first source that delivers it whole."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from rollout.cascade.attempt import STALL_S, Attempt
from rollout.cascade.bentoml_entry import install
from rollout.cascade.counts import FetchCounts, SourceReport
from rollout.cascade.download import Download
from rollout.cascade.errors import (
    BundleMissingError,
    BundleUnavailableError,
    MissingBundleError,
    RefusedBundleError,
    SourceError,
    TemporarySourceError,
)
from rollout.cascade.local_store import find_local, split_tag
from rollout.cascade.object_store import ObjectStore
from rollout.cascade.registry_files import RegistryFiles
from rollout.cascade.source import Source
from rollout.cascade.staging import staging_folder
from rollout.settings import RolloutSettings
from rollout.signature_policy import signature_policy
from tabento.bundle.errors import BundleError
from tabento.bundle.signature import SignaturePolicy
from tabento.bundle.store import Bundle, read_bundle
from tabento.remote.circuit_breaker import CircuitBreaker
from tabento.remote.retry import CircuitOpenError, RetryPolicy

T = TypeVar("T")

logger = logging.getLogger("tabento.rollout.cascade")

RETRY = RetryPolicy(attempts=3, min_wait_s=0.5, max_wait_s=5.0, jitter_s=0.5)
"""The attempts of each source. Their time is limited together, by ``bundle_timeout_s``."""
CHECK_TIMEOUT_S = 5.0
"""The seconds within which the registry must answer the question for a checksum."""


class Cascade:
    """The sources of bundles, in their order. Its methods block, and may be called from any thread.

    Args:
        object_stores: the sources that are asked after the local store.
        registry: the last source, which also knows the checksums; None without one.
        timeout_s: the seconds within which one source must deliver a bundle.
        max_bytes: the largest number of bytes of a bundle.
        retry: the attempts of each source.
        stall_s: the seconds without a sign of a source after which an attempt is given up.
        signatures: returns the signatures that a fetched bundle needs to be stored; None: they are not checked.
    """

    def __init__(
        self,
        object_stores: Sequence[Source] = (),
        registry: RegistryFiles | None = None,
        *,
        timeout_s: float = 60.0,
        max_bytes: int = 4 << 30,
        retry: RetryPolicy = RETRY,
        stall_s: float = STALL_S,
        signatures: Callable[[], SignaturePolicy | None] = lambda: None,
    ) -> None:
        self.counts = FetchCounts()
        self.sources: tuple[Source, ...] = (*object_stores, *([] if registry is None else [registry]))
        """The sources after the local store, in their order."""
        self._registry = registry
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._retry = retry
        self._signatures = signatures
        self._stall_s = min(stall_s, timeout_s)

    @property
    def breakers(self) -> tuple[CircuitBreaker, ...]:
        """The circuit breakers of the sources, for metrics and health; sources of one server share a breaker."""
        return tuple({source.breaker.name: source.breaker for source in self.sources}.values())

    @classmethod
    def from_settings(cls, settings: RolloutSettings) -> Self:
        """Return the cascade of a service."""
        registry = None
        if settings.rollout_registry_url is not None:
            token = settings.rollout_registry_token
            registry = RegistryFiles(settings.rollout_registry_url, None if token is None else token.get_secret_value())
        return cls(
            [ObjectStore(url) for url in settings.bundle_urls],
            registry,
            timeout_s=settings.bundle_timeout_s,
            max_bytes=settings.bundle_max_bytes,
            signatures=partial(signature_policy, settings),
        )

    def prepare(self) -> None:
        """Import the libraries of the sources, which takes half a second of Python: call it before there are requests.

        Nothing is asked. A library that is missing is an error of the first fetch only, so that a service starts without it.
        """
        for source in self.sources:
            with suppress(SourceError):
                source.prepare()

    def fetch(self, tag: str, expected: str | None = None) -> Path:
        """Return the folder of a bundle in the local model store, and fetch the bundle if it is not there yet.

        The caller reads the folder with ``tabento.bundle.store.read_bundle``, which verifies every file and the signature.

        Args:
            tag: ``name:version``.
            expected: the sha256 of the bundle's ``MANIFEST.json``; None: the registry's, if it is set and answers.

        Raises:
            BundleMissingError: no source has the bundle.
            BundleUnavailableError: a source failed or delivered something else, and no other has the bundle.
            ForeignBundleError, BundleIntegrityError: the stored bundle is not the expected one, or is incomplete.
            StoreWriteError: the disk is full, or the store cannot be written.
            BundleFormatError: the tag is not valid.
            SigningKeyError: the file of the trusted keys cannot be used.
        """
        split_tag(tag)
        if expected is None and self._registry is not None:
            expected = self._registered_checksum(self._registry, tag)
        folder = find_local(tag, expected)
        if folder is not None:
            self.counts.add(SourceReport("local", "", "delivered"))
            return folder
        self.counts.add(SourceReport("local", "", "missing"))
        if not self.sources:
            raise BundleMissingError(
                f"the model store has no bundle {tag}, and no other source is set. Set `bundle_urls` or"
                f" `rollout_registry_url`, or store the bundle with `tabento models resolve {tag.partition(':')[0]} --fetch`."
            )
        with staging_folder(tag, self._timeout_s) as staging:
            # Another worker may have fetched it while this one waited for the folder.
            folder = find_local(tag, expected)
            return folder if folder is not None else self._fetch(tag, expected, staging)

    def _fetch(self, tag: str, expected: str | None, staging: Path) -> Path:
        """Fetch a bundle from the first source that delivers it."""
        reports: list[SourceReport] = []
        for index, source in enumerate(self.sources):
            begin_s = time.monotonic()
            try:
                bundle = self._deliver(source, tag, expected, staging / str(index))
            except (SourceError, CircuitOpenError) as error:
                result = error.result if isinstance(error, SourceError) else "unavailable"
                report = SourceReport(source.kind, source.name, result, str(error), time.monotonic() - begin_s)
                self.counts.add(report)
                reports.append(report)
                logger.warning(
                    "the bundle %s is not fetched from %s: %s%s",
                    tag,
                    source.name,
                    error,
                    "; the next source is asked" if index + 1 < len(self.sources) else "",
                )
                continue
            n_bytes = sum(file.stat().st_size for file in bundle.path.iterdir())
            folder = install(bundle, tag)
            seconds = time.monotonic() - begin_s
            self.counts.add(SourceReport(source.kind, source.name, "delivered", seconds=seconds))
            self.counts.add_bytes(n_bytes)
            logger.info("the bundle %s was fetched from %s: %d bytes in %.2f s", tag, source.name, n_bytes, seconds)
            return folder
        reasons = "; ".join(f"{report.source}: {report.reason}" for report in reports)
        if all(report.result == "missing" for report in reports):
            raise BundleMissingError(
                f"no source has the bundle {tag}. The model store does not have it; {reasons}. Push it with"
                f" `tabento models push {tag} URL`."
            )
        raise BundleUnavailableError(
            f"the bundle {tag} could not be fetched. The model store does not have it; {reasons}. Look after the sources."
        )

    def _deliver(self, source: Source, tag: str, expected: str | None, folder: Path) -> Bundle:
        """Download and verify a bundle from one source."""
        signatures = self._signatures()
        download = Download(source, tag, folder, self._max_bytes, expected, signatures)
        files = self._ask(source, self._timeout_s, download.load, self._retry)
        try:
            return read_bundle(files, tag, signatures)
        except BundleError as error:
            raise RefusedBundleError(download.describe(error)) from error

    def _registered_checksum(self, registry: RegistryFiles, tag: str) -> str | None:
        """Return the registry's checksum of a bundle's manifest; None if it does not know it, or does not answer."""
        if (version := registry.known_version(tag)) is not None:
            return version.manifest_sha256
        try:
            version = self._ask(
                registry, CHECK_TIMEOUT_S, lambda _: registry.find(tag), replace(self._retry, attempts=1)
            )
        except MissingBundleError:
            return None
        except (SourceError, CircuitOpenError) as error:
            self.counts.add_unchecked()
            logger.warning(
                "the bundle %s is not compared with the checksum of the registry %s: %s", tag, registry.name, error
            )
            return None
        return version.manifest_sha256

    def _ask(self, source: Source, timeout_s: float, call: Callable[[Attempt[T]], T], retry: RetryPolicy) -> T:
        """Return the answer of a source: with retries, under its circuit breaker, within a time.

        Raises:
            SourceError, CircuitOpenError: the source did not answer, or refused.
        """
        end_s = time.monotonic() + timeout_s

        def attempt() -> T:
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                raise SourceError(f"it did not deliver the bundle within {timeout_s:.3g} s")
            return Attempt(call).run(left_s, self._stall_s)

        try:
            return retry.run(
                attempt,
                lambda error: isinstance(error, TemporarySourceError) and time.monotonic() < end_s,
                source.breaker,
                is_failure=lambda error: isinstance(error, TemporarySourceError),
                reason=str,
            )
        except ImportError as error:
            raise SourceError(f"a library of the group `rollout` is not installed ({error})") from error
