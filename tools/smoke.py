"""The first look at a service after a deployment: ``python3 -m tools.smoke URL`` waits until it is ready and predicts one example.

It imports the standard library only, so a workflow can run it without installing anything. The API key is read from a
variable of the environment; it needs the scopes ``read`` and ``predict``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

ATTEMPTS = 5
WAIT_S = 10.0
TIMEOUT_S = 10.0
KEY_VARIABLE = "TABENTO_API_KEY"


class SmokeError(Exception):
    """The service is not ready, or does not predict."""


def fetch_json(url: str, content: object = None, key: str | None = None) -> Any:
    """Return the decoded answer to a GET, or to a POST if there is content.

    Raises:
        SmokeError: no answer, another status than 200, or not JSON.
    """
    headers = {"content-type": "application/json", **({"x-api-key": key} if key else {})}
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - main allows HTTP only
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - main allows HTTP only
            return json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        text = error.read()[:300].decode(errors="replace")
        raise SmokeError(f"{url}: expected status 200, got {error.code}: {text}") from error
    except OSError as error:
        raise SmokeError(f"{url}: {error}") from error
    except http.client.HTTPException as error:
        raise SmokeError(
            f"{url}: the server does not speak HTTP: {error!r}. Does the address need https://?"
        ) from error
    except ValueError as error:
        raise SmokeError(f"{url}: the answer is not JSON. Is this the address of the service?") from error


def wait_until_ready(url: str, attempts: int, wait_s: float) -> int:
    """Ask ``/readyz`` until it answers 200, and return the number of attempts.

    Args:
        url: the address of the service.
        attempts: the largest number of attempts.
        wait_s: the time between two attempts.

    Raises:
        SmokeError: the service was not ready in any attempt.
    """
    fault = ""
    for attempt in range(1, attempts + 1):
        try:
            fetch_json(f"{url}/readyz")
        except SmokeError as error:
            fault = str(error)
            print(f"attempt {attempt} of {attempts}: {fault}", flush=True)
            if attempt < attempts:
                time.sleep(wait_s)
        else:
            return attempt
    raise SmokeError(f"the service was not ready in {attempts} attempts, {wait_s:g} s apart; the last one: {fault}")


def predict_example(url: str, key: str | None, model: str | None) -> str:
    """Predict the first example of the served model, and return a line with the answer.

    Raises:
        SmokeError: another model is served, or the answer is not a number or a label.
    """
    description = fetch_json(f"{url}/model", key=key)
    try:
        tag, example = f"{description['name']}:{description['version']}", description["examples"][0]
    except (LookupError, TypeError) as error:
        raise SmokeError(
            f"{url}/model: expected name, version and examples of a model, got {json.dumps(description)[:300]}"
        ) from error
    if model is not None and model not in (tag, description["name"]):
        raise SmokeError(f"{url}: expected the model {model}, the service has {tag}")
    answer = fetch_json(f"{url}/predict", example, key)
    prediction = answer.get("prediction") if isinstance(answer, dict) else None
    is_number = isinstance(prediction, int | float) and not isinstance(prediction, bool)
    if prediction is None or (is_number and not math.isfinite(prediction)):
        raise SmokeError(f"{url}/predict: expected a number or a label, got {json.dumps(answer)[:300]}")
    if answer.get("version") != description["version"]:
        raise SmokeError(f"{url}/predict: expected an answer of {tag}, got one of version {answer.get('version')}")
    return f"{tag} predicts {json.dumps(prediction)} for its first example"


def main(arguments: Sequence[str] | None = None) -> int:
    """Look at a service.

    Returns:
        0 if it is ready and predicts, else 1.
    """
    parser = argparse.ArgumentParser(prog="python3 -m tools.smoke", description=__doc__)
    parser.add_argument("url", help="the address of the service, such as https://models.example.org")
    parser.add_argument(
        "--attempts", type=int, default=ATTEMPTS, help=f"attempts to find it ready (default {ATTEMPTS})"
    )
    parser.add_argument("--wait-s", type=float, default=WAIT_S, help=f"seconds between attempts (default {WAIT_S:g})")
    parser.add_argument("--model", help="the model that must be served: NAME or NAME:VERSION")
    parser.add_argument(
        "--key-variable", default=KEY_VARIABLE, help=f"the variable with the key (default {KEY_VARIABLE})"
    )
    options = parser.parse_args(arguments)
    url = options.url.rstrip("/")
    if not url.startswith(("http://", "https://")):
        parser.error(f"expected an address that begins with http:// or https://, got {options.url!r}")
    try:
        attempt = wait_until_ready(url, options.attempts, options.wait_s)
        print(f"ready in attempt {attempt}")
        print(predict_example(url, os.environ.get(options.key_variable), options.model))
    except SmokeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
