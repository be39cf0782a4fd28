"""The steps of ``make e2e``, from data to drain, each with the command or the request that a user gives."""

from __future__ import annotations

import json
import math
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from deploy.command import run_command
from deploy.engine import choose_engine
from deploy.errors import ImageError
from tabento.keys.changes import create_key
from tabento.keys.inline import inline_entry
from tabento.keys.record import Scope, utc_now
from tabento.keys.secret import new_secret
from tools.end_to_end.errors import SkippedError, StepError
from tools.end_to_end.run import Journey, Step
from tools.end_to_end.service import Service

SCOPES: tuple[Scope, ...] = ("predict", "read", "feedback")
RELATIVE_TOLERANCE = 1e-9
"""Graph and pipeline may add in another order; a wrong row, scale or column differs by far more."""
DRIFT = "drift"
"""The verdict of ``GET /drift`` on a column that has drifted."""
MONITOR_DEADLINE_S = 60.0
TRAIN_TIMEOUT_S = 1_800.0
IMAGE_TIMEOUT_S = 1_800.0
SHIFTED_BATCHES, SHIFTED_ROWS = 2, 1_000
"""The number of times that one row is sent: above ``drift_min_rows``, and most of the traffic has then one value."""


def end_to_end_steps(config: Path, data: str, image: str) -> list[Step]:
    """Return the steps.

    Args:
        config: the config of the model.
        data: a CSV file, an address, or ``synthetic``.
        image: ``auto`` builds an image if an engine works here, ``no`` does not; a name of an engine builds with this one.
    """
    return [
        Step("data", lambda journey: fetch_data(journey, config, data)),
        Step("train", lambda journey: train(journey, config, data)),
        Step("gate", check_gate),
        Step("bundle", check_bundle),
        Step("bento", build_bento),
        Step("image", lambda journey: build_image(journey, image)),
        Step("serve", serve),
        Step("health", check_health),
        Step("predict", lambda journey: compare_predictions(journey, config, data)),
        Step("feedback", send_feedback),
        Step("metrics", compare_metrics),
        Step("drift", notice_drift),
        Step("drain", drain),
    ]


def fetch_data(journey: Journey, config: Path, data: str) -> str:
    """Load and validate the data, as ``make data`` does."""
    output = journey.home.run("data", "-m", "training", "data", "--config", str(config), "--data", data)
    rows = re.search(r"^ *rows +(.+)$", output, re.MULTILINE)
    if rows is None:
        raise StepError(f"`training data` printed no rows:\n{output}")
    return rows[1]


def train(journey: Journey, config: Path, data: str) -> str:
    """Train, export, prove, gate and store, as ``make train`` does."""
    command = ["-m", "training", "train", "--config", str(config), "--data", data]
    output = journey.home.run("train", *command, timeout_s=TRAIN_TIMEOUT_S)
    tag = re.search(r"^ *bundle +(\S+:\S+)$", output, re.MULTILINE)
    if tag is None:
        raise StepError(f"`training train` stored no bundle:\n{output[-2_000:]}")
    journey.values["bundle"] = tag[1]
    return tag[1]


def check_gate(journey: Journey) -> str:
    """Read the report of the gate: each limit passed, and there is one at all."""
    name, _, version = journey.values["bundle"].partition(":")
    path = journey.home.folder / "runs" / name / version / "gate" / "gate.json"
    checks = json.loads(path.read_text(encoding="utf-8"))["checks"]
    verdicts = [check["verdict"] for check in checks]
    failed = [check["name"] for check in checks if check["verdict"] not in ("passed", "shown", "off")]
    if failed or "passed" not in verdicts:
        raise StepError(f"expected that every check passes, got {failed or verdicts}")
    return f"{verdicts.count('passed')} limits passed"


def check_bundle(journey: Journey) -> str:
    """Verify the seal of the stored bundle, and read the proof that the graph equals the pipeline."""
    tag = journey.home.run("bundle", "-m", "tabento.bundle", journey.values["bundle"])
    if tag != journey.values["bundle"]:
        raise StepError(f"expected the bundle {journey.values['bundle']}, got {tag!r}")
    name, _, version = tag.partition(":")
    folder = journey.home.folder / "bentoml" / "models" / name / version
    rows = json.loads((folder / "parity.json").read_text(encoding="utf-8"))["rows"]
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return f"sealed, {size / 2**20:.1f} MiB, the graph equals the pipeline in {rows:,} rows"


def build_bento(journey: Journey) -> str:
    """Build the Bento, as ``make bento`` does, and look for the bundle inside."""
    output = journey.home.run("bento", "-m", "training", "bento", journey.values["bundle"])
    tag = re.search(r"^Built (\S+:\S+)$", output, re.MULTILINE)
    if tag is None:
        raise StepError(f"`training bento` built no Bento:\n{output}")
    document = json.loads(journey.home.run("bento-inside", "-m", "bentoml", "get", tag[1], "-o", "json"))
    models = [model["tag"] for part in (document, *document["services"]) for model in part["models"]]
    if models != [journey.values["bundle"]]:
        raise StepError(f"expected the bundle {journey.values['bundle']} in {tag[1]}, got {models}")
    journey.values["bento"] = tag[1]
    return tag[1]


def build_image(journey: Journey, image: str) -> str:
    """Build an image and prove it, as ``make image PROVE=1`` does.

    Raises:
        SkippedError: no engine works here, or no image is wanted.
    """
    if image == "no":
        raise SkippedError("not wanted (`make e2e` without ENGINE=no builds one)")
    try:
        engine = choose_engine(None if image == "auto" else image)
    except ImageError as error:
        if image == "auto":
            raise SkippedError(str(error).splitlines()[0]) from None
        raise StepError(str(error)) from error
    name = f"e2e-{journey.values['bento']}"
    journey.stack.callback(_remove_image, engine.name, name)
    # A computer without a daemon often reaches no registry either.
    base = ["--base", "debootstrap"] if engine.name == "buildah" else []
    command = ["-m", "deploy.image", "--bento", journey.values["bento"], "--tag", name]
    command += ["--engine", engine.name, *base, "--prove"]
    output = journey.home.run("image", *command, timeout_s=IMAGE_TIMEOUT_S)
    lines = [line for line in output.splitlines() if line.startswith(("image: ", "proved: "))]
    return "; ".join(line.partition(": ")[2] for line in lines)


def _remove_image(engine: str, name: str) -> None:
    """Remove the image; a failed build has left none."""
    with suppress(ImageError):
        run_command([engine, "rmi", name])


def serve(journey: Journey) -> str:
    """Serve the Bento with one API key."""
    secret = new_secret()
    record = create_key((), secret, owner="e2e", scopes=SCOPES, now=utc_now())
    service, ready_s = Service.start(
        journey.home, journey.values["bento"], secret, {"TABENTO_API_KEYS": inline_entry(record)}
    )
    journey.stack.callback(service.kill)
    journey.values["service"] = service
    return f"ready after {ready_s:.2f} s"


def check_health(journey: Journey) -> str:
    """Ask the routes of an orchestrator, and wait until every component is healthy."""
    service: Service = journey.values["service"]
    for path in ("/livez", "/readyz"):
        status, _, _ = service.request("GET", path, key="")
        if status != 200:
            raise StepError(f"{path}: expected status 200, got {status}")
    service.wait_for(
        lambda: service.json("GET", "/health")["status"] == "healthy",
        "/health did not become healthy",
        MONITOR_DEADLINE_S,
    )
    return f"{len(service.json('GET', '/health')['components'])} components are healthy"


def compare_predictions(journey: Journey, config: Path, data: str) -> str:
    """Predict known rows one by one and in one batch, and compare with the answers of the fitted pipeline."""
    service: Service = journey.values["service"]
    name, _, version = journey.values["bundle"].partition(":")
    arguments = (str(config), data, f"{name}-pipeline:{version}", journey.values["bundle"])
    known_rows = json.loads(journey.home.run("known-rows", "-m", "tools.end_to_end.known_rows", *arguments))
    journey.values["known_rows"] = known_rows
    rows, answers = known_rows["rows"], known_rows["answers"]
    status, _, _ = service.request("POST", "/predict", rows[0], key="")
    if status != 401:
        raise StepError(f"without an API key: expected status 401, got {status}")
    batch = service.json("POST", "/predict", {"instances": rows})
    journey.values["request_id"] = batch["request_id"]
    compare_answers(answers, batch["predictions"])
    if known_rows["probabilities"] is not None:
        for row, (expected, actual) in enumerate(zip(known_rows["probabilities"], batch["probabilities"], strict=True)):
            _require_equal(f"probabilities of row {row}", expected, list(actual.values()))
    single_rows = min(20, len(rows))
    compare_answers(answers[:single_rows], [service.json("POST", "/predict", row)["prediction"] for row in rows[:20]])
    journey.values["sent_rows"] = len(rows) + single_rows
    return f"{len(rows):,} rows in a batch and {single_rows} single rows equal the pipeline; 401 without a key"


def compare_answers(expected: Sequence[Any], actual: Sequence[Any]) -> None:
    """Compare the answers of a service with the pipeline's.

    Raises:
        StepError: the number of answers or one of them differs.
    """
    if len(expected) != len(actual):
        raise StepError(f"expected {len(expected)} answers, got {len(actual)}")
    for row, (expected_answer, actual_answer) in enumerate(zip(expected, actual, strict=True)):
        _require_equal(f"row {row}", [expected_answer], [actual_answer])


def _require_equal(place: str, expected: Sequence[Any], actual: Sequence[Any]) -> None:
    for left, right in zip(expected, actual, strict=True):
        is_number = isinstance(left, float) and isinstance(right, int | float)
        if not (math.isclose(left, right, rel_tol=RELATIVE_TOLERANCE) if is_number else left == right):
            raise StepError(f"{place}: the pipeline answers {left!r}, the service {right!r}")


def send_feedback(journey: Journey) -> str:
    """Send the true values of the batch, twice, and wait until the live quality covers them once."""
    service: Service = journey.values["service"]
    truths = [
        {"request_id": journey.values["request_id"], "row": row, "truth": truth}
        for row, truth in enumerate(journey.values["known_rows"]["truths"])
    ]
    first = service.json("POST", "/feedback", truths)
    if first["new"] != len(truths) or first["mismatches"]:
        raise StepError(f"expected {len(truths)} new truths, got {first}")
    if service.json("POST", "/feedback", truths)["duplicates"] != len(truths):
        raise StepError("truths that were sent again are not duplicates")
    service.wait_for(
        lambda: service.json("GET", "/quality?slices=false")["feedback"]["joined"] == len(truths),
        f"the live quality did not join {len(truths)} truths",
        MONITOR_DEADLINE_S,
    )
    return f"{len(truths):,} truths joined with their predictions, duplicates counted"


def compare_metrics(journey: Journey) -> str:
    """Compare the counted rows with the sent rows, and wait until all of them are recorded."""
    service: Service = journey.values["service"]
    sent_rows = journey.values["sent_rows"]
    counted = _metric(service, "tabento_model_rows_total")
    if counted != sent_rows:
        raise StepError(f"tabento_model_rows_total: expected {sent_rows} rows, got {counted:g}")
    service.wait_for(
        lambda: _metric(service, "tabento_recorded_rows_total") == sent_rows,
        f"tabento_recorded_rows_total did not become {sent_rows}",
        MONITOR_DEADLINE_S,
    )
    return f"{sent_rows:,} rows sent, counted and recorded"


def _metric(service: Service, name: str) -> float:
    """Return the sum of a metric's series.

    Raises:
        StepError: ``/metrics`` does not list it.
    """
    status, body, _ = service.request("GET", "/metrics")
    pattern = rf"^{name}(?:{{[^}}]*}})? (\S+)$"
    values = re.findall(pattern, body.decode(), re.MULTILINE)
    if status != 200 or not values:
        raise StepError(f"/metrics: expected status 200 and the metric {name}, got {status}")
    return sum(map(float, values))


def notice_drift(journey: Journey) -> str:
    """Check that rows of the test part do not drift, send one row again and again, and wait for the verdict."""
    service: Service = journey.values["service"]
    rows = journey.values["known_rows"]["rows"]
    sent_rows = journey.values["sent_rows"]
    service.wait_for(
        lambda: _drift_window(service)["rows"] == sent_rows,
        f"the window of GET /drift did not reach {sent_rows} rows",
        MONITOR_DEADLINE_S,
    )
    columns = _drift_window(service)["columns"]
    if drifted := [column["name"] for column in columns if column["verdict"] == DRIFT]:
        raise StepError(f"rows of the test part must not drift from the training part, but {drifted} did")
    for _ in range(SHIFTED_BATCHES):
        service.json("POST", "/predict", {"instances": [rows[0]] * SHIFTED_ROWS})
    service.wait_for(
        lambda: any(column["verdict"] == DRIFT for column in _drift_window(service)["columns"]),
        "a single repeated row did not drift",
        MONITOR_DEADLINE_S,
    )
    drifted = [column["name"] for column in _drift_window(service)["columns"] if column["verdict"] == DRIFT]
    return f"none in {sent_rows:,} rows of the test part; {len(drifted)} of {len(columns)} columns after a shift"


def _drift_window(service: Service) -> dict[str, Any]:
    """Return the window by rows of the only model."""
    (model,) = service.json("GET", "/drift")["models"]
    window: dict[str, Any] = model["windows"]["rows"]
    return window


def drain(journey: Journey) -> str:
    """Send SIGTERM while a request is half sent: it is answered, all processes end, and the status is 0."""
    service: Service = journey.values["service"]
    rows, answers = journey.values["known_rows"]["rows"], journey.values["known_rows"]["answers"]
    body = json.dumps({"instances": rows}).encode()
    head = (
        f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"x-api-key: {service.key}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as client:
        client.sendall(head.encode() + body[: len(body) // 2])
        service.terminate()
        service.wait_for(lambda: not service.is_ready(), "/readyz was ready after SIGTERM", MONITOR_DEADLINE_S)
        client.sendall(body[len(body) // 2 :])
        response = b"".join(iter(lambda: client.recv(1 << 16), b""))
    status_line, _, remainder = response.partition(b"\r\n")
    if b" 200 " not in status_line:
        raise StepError(f"a request that began before SIGTERM: expected status 200, got {status_line!r}")
    compare_answers(answers, json.loads(remainder.partition(b"\r\n\r\n")[2])["predictions"])
    status, seconds = service.wait_for_end()
    if status != 0:
        raise StepError(f"expected the exit status 0 after SIGTERM, got {status}:\n{journey.home.log_tail('service')}")
    return f"a request in flight was answered, all processes ended after {seconds:.1f} s with status 0"
