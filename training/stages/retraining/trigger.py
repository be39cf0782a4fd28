"""The trigger of a retraining: the metrics of a running service, and the time since the last attempt."""

from __future__ import annotations

import json
import math
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tabento.bundle.numbers import number_text
from tabento.errors import TabentoError
from training.stages.retraining.drift import PSI_RETRAIN

KEY_VARIABLE = "TABENTO_API_KEY"
"""The environment variable with the API key of the service."""
TIMEOUT_S = 30.0
LARGEST_ANSWER = 64 * 1024 * 1024
PSI_METRIC = "tabento_drift_psi"
QUALITY_METRIC = "tabento_live_quality"
STATE_FILE = "trigger.json"

_LINE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)\{(?P<labels>.*)\} (?P<value>\S+)(?: \S+)?").fullmatch
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_LIMIT = re.compile(r"(?P<metric>[\w.]+)\s*(?P<sign>[<>])\s*(?P<value>[-+.\deE]+)").fullmatch


@dataclass(frozen=True)
class QualityLimit:
    """A limit of the live quality: training starts beyond it."""

    metric: str
    sign: Literal["<", ">"]
    value: float

    def is_crossed(self, value: float) -> bool:
        """Return whether a figure is beyond the limit."""
        return value < self.value if self.sign == "<" else value > self.value


@dataclass(frozen=True)
class Sample:
    """One number of a service's metrics."""

    name: str
    labels: dict[str, str]
    value: float


def read_limit(text: str) -> QualityLimit:
    """Return a limit such as ``rmse>50000`` or ``f1<0.6``.

    Raises:
        ValueError: the text is not a limit.
    """
    match = _LIMIT(text.strip())
    value = math.nan if match is None else float(match["value"])
    if match is None or not math.isfinite(value):
        raise ValueError(f"expected a limit such as rmse>50000 or f1<0.6, got {text!r}")
    return QualityLimit(match["metric"], "<" if match["sign"] == "<" else ">", value)


def read_samples(text: str) -> list[Sample]:
    """Return the labelled samples of a metrics page; other lines are omitted."""
    samples = []
    for line in text.splitlines():
        match = _LINE(line)
        if match is None:
            continue
        try:
            value = float(match["value"])
        except ValueError:
            continue
        labels = {name: re.sub(r"\\(.)", r"\1", content) for name, content in _LABEL.findall(match["labels"])}
        samples.append(Sample(match["name"], labels, value))
    return samples


def find_reasons(samples: list[Sample], model: str, limits: tuple[QualityLimit, ...] = ()) -> list[str]:
    """Return the reasons to train: a drifted feature, or a live quality beyond its limit; none if there is no reason.

    Args:
        samples: the metrics of a service.
        model: the name of the model.
        limits: the limits of the live quality; a window beyond a limit is enough.
    """
    reasons = []
    for sample in samples:
        if sample.labels.get("model") != model or sample.labels.get("variant", "champion") != "champion":
            continue
        if sample.name == PSI_METRIC and sample.value > PSI_RETRAIN:
            feature = sample.labels.get("feature", "?")
            reasons.append(
                f"{feature!r} drifted in the service: PSI {sample.value:.3f}, above {number_text(PSI_RETRAIN)}"
            )
        if sample.name == QUALITY_METRIC:
            reasons += [
                f"the live {limit.metric} of {sample.labels.get('window', '?')} is {number_text(sample.value)},"
                f" limit {limit.sign}{number_text(limit.value)}"
                for limit in limits
                if limit.metric == sample.labels.get("metric") and limit.is_crossed(sample.value)
            ]
    return list(dict.fromkeys(reasons))


def fetch_samples(url: str) -> list[Sample]:
    """Return the metrics of a service.

    Args:
        url: the address of the service. The API key is read from ``TABENTO_API_KEY``.

    Raises:
        TabentoError: the service cannot be reached or refuses the request.
    """
    if not url.startswith(("http://", "https://")):
        raise TabentoError(f"--drift-from: expected an address such as http://127.0.0.1:3000, got {url!r}")
    key = os.environ.get(KEY_VARIABLE)
    headers = {"x-api-key": key} if key else {}
    request = urllib.request.Request(f"{url.rstrip('/')}/metrics", headers=headers)  # noqa: S310 - HTTP only, see above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            return read_samples(response.read(LARGEST_ANSWER).decode("utf-8", errors="replace"))
    except urllib.error.HTTPError as error:
        raise TabentoError(f"--drift-from: the service refuses its metrics with status {error.code}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise TabentoError(f"--drift-from: the service does not answer: {reason}") from error


class Cooldown:
    """The pause after an attempt to train. It is kept in a file, so a restart does not shorten it.

    Args:
        folder: the folder of the file; it is made when an attempt starts.
        seconds: the length of the pause.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._path = folder / STATE_FILE
        self._seconds = seconds

    def remaining_s(self, now_s: float) -> float:
        """Return the seconds until the next attempt may start; 0 if it may start now."""
        try:
            started_s = float(json.loads(self._path.read_text(encoding="utf-8"))["started_s"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0
        # A start in the future is one before the clock was set back: it pauses for one length at most.
        return min(max(started_s + self._seconds - now_s, 0.0), self._seconds)

    def begin(self, now_s: float) -> None:
        """Start the pause."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f"{STATE_FILE}.{os.getpid()}")
        temporary.write_text(json.dumps({"started_s": now_s}), encoding="utf-8")
        temporary.replace(self._path)
