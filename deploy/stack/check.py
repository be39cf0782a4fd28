"""The check of a running stack: what goes in at the proxy arrives in every part.

Each step sends something through the address of a part that users have, and looks for it with the program that owns the
data, so a part that only answers its health check does not pass.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from typing import Any

import redis

from deploy.compose.secret_values import KEYS_FILE, read_secret
from deploy.errors import StackError
from deploy.prove import RELATIVE_TOLERANCE
from deploy.stack.parts import HOST, REPLICAS, StackPlan
from deploy.stack.running import RunningStack
from monitoring.log.reader import find_rows
from serving.model import ServedModel
from serving.settings import ServingSettings
from tabento.bundle.store import Bundle
from tabento.keys.changes import create_key
from tabento.keys.key_file import Records, change_keys
from tabento.keys.record import utc_now
from tabento.keys.secret import new_secret

DEADLINE_S = 120.0
"""The longest wait for a step: a scrape, an evaluation and a notification take up to 15 s each."""
POLL_S = 0.25
_TIMEOUT_S = 30.0
_KEY_LIMIT = 5
_KEY_REQUESTS = 12
_INVALID_CLIENTS = 40
_INVALID_REQUESTS = 10
"""The invalid keys of each client: together more than the 100 in five minutes for which the alert fires."""
ALERT = "TabentoInvalidKeys"


@dataclass(frozen=True)
class HttpAnswer:
    """An answer of any status."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)


def call(url: str, content: Any = None, *, key: str | None = None, method: str | None = None) -> HttpAnswer:
    """Send a GET, or a POST if there is content.

    Args:
        url: the URL.
        content: an object for JSON, or bytes that are sent as they are.
        key: an API key.
        method: another method.

    Raises:
        StackError: the server does not answer.
    """
    headers = {"Content-Type": "application/json"} | ({} if key is None else {"X-API-Key": key})
    body = content if content is None or isinstance(content, bytes) else json.dumps(content).encode()
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            return HttpAnswer(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return HttpAnswer(error.code, error.read())
    except OSError as error:
        raise StackError(f"{url} does not answer: {error}. Look into the log of its part.") from error


def expect(answer: HttpAnswer, status: int, description: str) -> HttpAnswer:
    """Return an answer that has the expected status.

    Raises:
        StackError: it has another one.
    """
    if answer.status != status:
        text = answer.body[:500].decode(errors="replace")
        raise StackError(f"{description}: expected status {status}, got {answer.status}: {text}")
    return answer


class StackCheck:
    """The steps of the check, in their order.

    Args:
        stack: the running stack.
        bundle: the bundle that its replicas serve.
    """

    def __init__(self, stack: RunningStack, bundle: Bundle) -> None:
        self._stack = stack
        self._plan: StackPlan = stack.plan
        self._bundle = bundle
        self._key = read_secret(self._plan.folder, "client_api_key")
        self._proxy = self._plan.url("haproxy")
        self._request_ids: list[str] = []
        self._n_predictions = 0
        self._truth: Any = None

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Return each step with its name; a step returns its finding as a sentence."""
        return [
            ("prediction", self._predict),
            ("log", self._find_in_log),
            ("feedback", self._send_feedback),
            ("rate limit", self._exceed_limit),
            ("mlflow", self._record_run),
            ("prometheus", self._find_in_prometheus),
            ("alert", self._fire_alert),
        ]

    def _predict(self) -> str:
        body = json.dumps({"instances": self._bundle.examples}).encode()
        expected = ServedModel(self._bundle, ServingSettings()).predict(body)["predictions"]
        expect(call(f"{self._proxy}/predict", body), 401, "a prediction without an API key")
        for _ in range(2 * len(REPLICAS)):
            answer = expect(call(f"{self._proxy}/predict", body, key=self._key), 200, "a prediction").json()
            self._n_predictions += 1
            if not _equal(answer["predictions"], expected):
                raise StackError(f"expected {expected}, the answers of the bundle, got {answer['predictions']}")
            self._request_ids.append(answer["request_id"])
            self._truth = answer["predictions"][0]
        return f"{self._n_predictions} requests through HAProxy have the answers of the bundle; without a key: 401"

    def _find_in_log(self) -> str:
        folders = [str(self._plan.folder / name / "monitoring" / "log") for name in REPLICAS]

        def counts() -> list[int]:
            """Return the number of the requests that are in the log of each replica."""
            return [len(find_rows(folder, [(request, 0) for request in self._request_ids])) for folder in folders]

        self._wait(lambda: sum(counts()) == len(self._request_ids), f"the requests {self._request_ids} in the logs")
        n_logged = counts()
        if 0 in n_logged:
            raise StackError(f"expected requests in the logs of both replicas, got {n_logged}: HAProxy uses one only.")
        return f"the prediction logs of the replicas have {' and '.join(map(str, n_logged))} of them"

    def _send_feedback(self) -> str:
        request_id = self._request_ids[0]
        body = {"request_id": request_id, "truth": self._truth}
        expect(call(f"{self._proxy}/feedback", body, key=self._key), 200, "a true value")
        query = "SELECT count(*) FROM tabento_truths WHERE request_id = :'id'"
        self._wait(
            lambda: self._query("feedback", query, request_id) == "1", f"the true value of {request_id} in Postgres"
        )
        return "a true value that was sent through HAProxy is in Postgres"

    def _exceed_limit(self) -> str:
        secret = new_secret()

        def change(records: Records) -> Records:
            """Return the records with a key that has a small limit."""
            record = create_key(
                records, secret, owner="check", scopes=["predict"], now=utc_now(), requests_per_minute=_KEY_LIMIT
            )
            return (*records, record)

        change_keys(self._plan.folder / KEYS_FILE, change)
        # Each replica reads the changed file by itself. A GET that the key may not send is 403 as soon as the key is known.
        for name in REPLICAS:
            self._wait(partial(self._knows_key, name, secret), f"{name} to know a new API key")
        row = self._bundle.examples[0]
        statuses = [call(f"{self._proxy}/predict", row, key=secret).status for _ in range(_KEY_REQUESTS)]
        expected = [200] * _KEY_LIMIT + [429] * (_KEY_REQUESTS - _KEY_LIMIT)
        if sorted(statuses) != sorted(expected):
            raise StackError(f"expected {_KEY_LIMIT} answers to a key with this limit, got the statuses {statuses}")
        self._n_predictions += _KEY_LIMIT
        with redis.Redis.from_url(read_secret(self._plan.folder, "tabento_redis_url")) as client:
            n_keys = len(client.keys("{tabento}:rate:*"))
        if n_keys == 0:
            raise StackError("expected keys {tabento}:rate:* in Redis, got none: the replicas count by themselves.")
        return f"a key with {_KEY_LIMIT} requests a minute got {_KEY_LIMIT} answers from both replicas together; Redis counts it"

    def _knows_key(self, replica: str, secret: str) -> bool:
        return call(f"{self._plan.url(replica)}/model", key=secret).status == 403

    def _record_run(self) -> str:
        api = f"{self._plan.url('mlflow')}/api/2.0"
        name = f"check-{time.time_ns()}"
        experiment = expect(call(f"{api}/mlflow/experiments/create", {"name": name}), 200, "an experiment").json()
        run = {"experiment_id": experiment["experiment_id"], "start_time": time.time_ns() // 1_000_000}
        info = expect(call(f"{api}/mlflow/runs/create", run), 200, "a run").json()["run"]["info"]
        path = urllib.parse.urlsplit(info["artifact_uri"]).path.lstrip("/")
        url = f"{api}/mlflow-artifacts/artifacts/{path}/check.txt"
        expect(call(url, name.encode(), method="PUT"), 200, "a file of a run")
        if expect(call(url), 200, "a file of a run").body != name.encode():
            raise StackError("MLflow returns another file than it got. Look into its artifact folder.")
        if self._query("mlflow", "SELECT count(*) FROM runs WHERE run_uuid = :'id'", info["run_id"]) != "1":
            raise StackError(f"expected the run {info['run_id']} in Postgres; MLflow stores runs elsewhere.")
        return "a run is in Postgres, and its file is returned"

    def _find_in_prometheus(self) -> str:
        def is_complete() -> bool:
            """Return whether all targets are up and all predictions are counted."""
            counted = self._value('sum(tabento_model_requests_total{status="200"})')
            n_up = self._value('sum(up{job="tabento"}) + sum(up{job="haproxy"})')
            return counted == self._n_predictions and n_up == len(REPLICAS) + 1

        self._wait(is_complete, f"{self._n_predictions} predictions in Prometheus, and all targets up")
        responses = self._value('sum(haproxy_backend_http_responses_total{code="2xx"})')
        return f"{self._n_predictions} predictions of {len(REPLICAS)} replicas are in Prometheus, {responses:g} answers of HAProxy too"

    def _fire_alert(self) -> str:
        body = json.dumps(self._bundle.examples[0]).encode()
        headers = {"Content-Type": "application/json", "X-API-Key": "wrong"}
        # The service counts at most 20 a minute of each address, so the requests come from many addresses of this computer.
        for number in range(2, _INVALID_CLIENTS + 2):
            for _ in range(_INVALID_REQUESTS):
                connection = HTTPConnection(
                    HOST, self._plan.ports["haproxy"], timeout=_TIMEOUT_S, source_address=(f"127.0.0.{number}", 0)
                )
                with closing(connection):
                    connection.request("POST", "/predict", body, headers)
                    status = connection.getresponse().status
                if status != 401:
                    raise StackError(f"expected status 401 for a wrong API key, got {status}.")
        url = f"{self._plan.url('alertmanager')}/api/v2/alerts"

        def is_fired() -> bool:
            """Return whether Alertmanager has the alert."""
            return any(alert["labels"]["alertname"] == ALERT for alert in call(url).json())

        self._wait(is_fired, f"the alert {ALERT} in Alertmanager")
        return f"{_INVALID_CLIENTS * _INVALID_REQUESTS} wrong API keys have fired {ALERT}, and Alertmanager has it"

    def _value(self, expression: str) -> float:
        url = f"{self._plan.url('prometheus')}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        result = expect(call(url), 200, expression).json()["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def _query(self, database: str, sql: str, row_id: str) -> str:
        """Return the output of psql for a query, as the user of a database.

        Args:
            database: the database, which has the name of its user.
            sql: the query; ``:'id'`` is the value of ``row_id``.
            row_id: the id to look for.
        """
        address = ["--host=127.0.0.1", f"--port={self._plan.ports['postgres']}"]
        command = [self._plan.programs["psql"], *address, f"--username={database}", f"--dbname={database}"]
        environment = {**os.environ, "PGPASSWORD": read_secret(self._plan.folder, f"{database}_password")}
        # psql replaces variables in its input only, not in --command.
        process = subprocess.run(
            [*command, "--no-psqlrc", "--tuples-only", "--no-align", f"--set=id={row_id}", "--set=ON_ERROR_STOP=1"],
            input=sql,
            capture_output=True,
            text=True,
            env=environment,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if process.returncode:
            raise StackError(f"{sql} in {database}: {process.stderr.strip()}")
        return process.stdout.strip()

    def _wait(self, condition: Callable[[], bool], description: str) -> None:
        """Return when a condition is true.

        Raises:
            StackError: it is not within ``DEADLINE_S``, a part has ended, or the stack is interrupted.
        """
        end_s = time.monotonic() + DEADLINE_S
        while not condition():
            for part in self._stack.parts:
                part.check_running()
            if time.monotonic() > end_s:
                raise StackError(
                    f"waited {DEADLINE_S:g} s for {description}. The logs are in {self._plan.folder / 'logs'}."
                )
            if self._stack.is_interrupted.wait(POLL_S):
                raise StackError("the check was interrupted.")


def _equal(predictions: list[Any], expected: list[Any]) -> bool:
    return len(predictions) == len(expected) and all(
        math.isclose(actual, value, rel_tol=RELATIVE_TOLERANCE) if isinstance(value, float) else actual == value
        for actual, value in zip(predictions, expected, strict=True)
    )


def check_stack(stack: RunningStack, bundle: Bundle, report: Callable[[str], None]) -> None:
    """Check that a prediction, a truth, a limit, a run and an alert pass through the stack.

    Args:
        stack: the running stack.
        bundle: the bundle that its replicas serve.
        report: prints a line for each step.

    Raises:
        StackError: a step failed; the message begins with its name.
    """
    report("")
    for name, step in StackCheck(stack, bundle).steps():
        start_s = time.monotonic()
        try:
            finding = step()
        except StackError as error:
            raise StackError(f"step {name!r}: {error}") from error
        report(f"{name:<13} {finding} ({time.monotonic() - start_s:.1f} s)")
