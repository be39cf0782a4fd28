"""Private values: they are planted in every field on all protocols, and looked for in everything that the service writes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from monitoring.log.part import PredictionLog
from monitoring.log.reader import read_log
from serving.protocols.open_inference import HEADER_LENGTH
from serving.settings import ServingSettings
from tests.bundles import TREE, tagged_contract
from tests.monitoring.monitors import monitored_service
from tests.servers import wait_until

CONTRACT = tagged_contract()
ROW: dict[str, Any] = {
    **{"age": 61, "crown width": 7.38519274, "height": 3.91826354, "slope": 23.71948265},
    **{"pruned": True, "sort": "COX", "soil": "planted-soil", "tag": "é" * 23, "100% owner": "ann@planted.example"},
}
"""A valid row."""
TEXT, NUMBER = "zz-planted-text", 918273645.125
"""Values that no field accepts."""
PLANTED = (
    *("7.38519274", "3.91826354", "23.71948265", "planted-soil", "é" * 23, "\\u00e9" * 23, "ann@planted.example"),
    *("zz-planted", "918273645"),
)
"""The texts that nothing may contain."""
BYTES = ("sort", "soil", "tag", "100% owner")


def tensors(**values: Any) -> list[dict[str, Any]]:
    """Return one tensor of JSON for each field of the row, some with other values."""
    return [
        {
            **{"name": name, "shape": [1, 1], "data": [value]},
            "datatype": "BYTES" if name in BYTES else "BOOL" if name == "pruned" else "FP64",
        }
        for name, value in (ROW | values).items()
    ]


def good_requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and arguments of valid requests."""
    yield "/predict", {"json": ROW}
    yield "/predict", {"json": {"instances": [ROW, ROW]}}
    yield "/invocations", {"json": {"dataframe_records": [ROW]}}
    yield "/v2/models/orchard/infer", {"json": {"inputs": tensors()}}


def bad_requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and arguments of requests that are refused."""
    for name in ROW:
        for value in (TEXT, NUMBER, True, [TEXT], {TEXT: 1}):
            bad = ROW | {name: value}
            yield "/predict", {"json": bad}
            yield "/predict", {"json": {"instances": [ROW, bad]}}
            yield "/invocations", {"json": {"dataframe_split": {"columns": list(bad), "data": [list(bad.values())]}}}
            yield "/invocations", {"json": {"inputs": bad}}
            yield "/v2/models/orchard/infer", {"json": {"inputs": tensors(**{name: value})}}
        yield "/predict", {"content": json.dumps(ROW)[:-1] + f',"{name}":"{TEXT}"}}'}
    for value in (TEXT, NUMBER):
        yield "/predict", {"json": value}
        yield "/predict", {"json": {"instances": value}}
        yield "/predict", {"json": {"instances": [value]}}
        yield "/predict", {"json": {"instances": [ROW], "owner": value}}
        yield "/predict", {"json": ROW | {"100 owner": value}}
        yield "/predict", {"content": f'{{"age": {json.dumps(value)} 1}}'}
        for key in ("inputs", "instances", "dataframe_split", "dataframe_records"):
            yield "/invocations", {"json": {key: value}}
            yield "/invocations", {"json": {key: [value]}}
        yield "/invocations", {"json": {"dataframe_split": {"columns": value, "data": []}}}
        yield "/invocations", {"json": {"dataframe_split": {"columns": ["tag"], "data": value}}}
        yield "/invocations", {"json": {"dataframe_split": {"columns": ["tag"], "data": [value]}}}
        yield "/invocations", {"json": {"inputs": {"tag": value, "age": [1]}}}
        yield "/v2/models/orchard/infer", {"json": {"inputs": value}}
        yield "/v2/models/orchard/infer", {"json": {"inputs": [value]}}
        tensor = {"name": "tag", "shape": [1], "datatype": "BYTES"}
        yield "/v2/models/orchard/infer", {"json": {"inputs": [tensor | {"data": value}]}}
        yield "/v2/models/orchard/infer", {"json": {"inputs": [tensor | {"data": [[value], 1]}]}}
        yield "/v2/models/orchard/infer", {"json": {"inputs": [*tensors(), tensor | {"name": "x", "data": [value]}]}}
    header, row = ",".join(ROW), ["7.38519274" if name == "age" else TEXT for name in ROW]
    for text in (f"{header}\n{','.join(row)}\n", f"{','.join(row)}\n", f"{header}\n{TEXT}\n", f'{header}\n"{TEXT}'):
        yield "/invocations", {"content": text, "headers": {"content-type": "text/csv"}}
    binary = np.array([NUMBER]).tobytes()
    head = json.dumps(
        {
            "inputs": [
                {**tensor, "parameters": {"binary_data_size": 8}} if tensor["name"] == "age" else tensor
                for tensor in tensors()
            ]
        }
    ).encode()
    yield "/v2/models/orchard/infer", {"content": head + binary, "headers": {HEADER_LENGTH.decode(): str(len(head))}}


@pytest.mark.parametrize("hash_key", [None, "0123456789abcdef"])
def test_no_private_value_is_written_anywhere(
    tmp_path: Path, hash_key: str | None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Files, service log, access log, error bodies of all protocols and metrics have no planted value; the log has all rows."""
    caplog.set_level(logging.DEBUG)
    settings = ServingSettings.model_validate(
        {
            **{"slo_p99_ms": 60_000, "access_log": True},
            **{"private_fields": [name.upper() for name in CONTRACT.field_names], "private_hash_key": hash_key},
        }
    )
    # The environment of the tests can have another folder.
    settings = settings.model_copy(update={"monitoring_folder": tmp_path / "state"})
    log = PredictionLog(settings)
    texts = []
    with (
        monitored_service(tmp_path, log, settings=settings, contract=CONTRACT) as (address, _),
        httpx.Client(base_url=address) as client,
    ):
        for path, arguments in good_requests():
            answer = client.post(path, **arguments)
            assert answer.status_code == 200, answer.text
        n_errors = 0
        for path, arguments in bad_requests():
            answer = client.post(path, **arguments)
            if answer.status_code != 200:  # some fields accept some of the values
                n_errors += 1
                texts.append(answer.text)
                texts.append(str(answer.headers))
        wait_until(lambda: log.writer.written["errors"] >= n_errors, "the records of the errors")
        texts.append(client.get("/metrics").text)
    texts += [caplog.text, *capfd.readouterr()]
    records = list(read_log(tmp_path / "state" / "log", failures=True))
    texts += [json.dumps(record, ensure_ascii=False) for record in records]
    texts += [path.read_bytes().decode(errors="replace") for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert n_errors > 150
    assert not log.writer.dropped["rows"]
    assert sum("row" in record for record in records) >= 5
    assert any("a private text" in text for text in texts)
    for text in texts:
        for planted in PLANTED:
            assert planted not in text, text[:2000]


def test_public_values_are_still_shown(tmp_path: Path) -> None:
    """By default the orchard has no private field, and an error message shows the wrong value; a private name is masked."""
    settings = ServingSettings(slo_p99_ms=60_000)
    with (
        monitored_service(tmp_path, settings=settings) as (address, _),
        httpx.Client(base_url=address) as client,
    ):
        answer = client.post("/predict", json={**TREE, "age": TEXT, "E-Mail": "ann@planted.example"})
    details = answer.json()["error"]["details"]
    assert [(detail["field"], detail["got"]) for detail in details] == [
        ("E-Mail", "a private text"),
        ("age", f'"{TEXT}"'),
    ]
