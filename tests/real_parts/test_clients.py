"""Real clients that offer HTTP/2 with each request get their predictions over HTTP/1.1."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from benchmarks.siege.rows import body, prediction
from benchmarks.siege.service import BesiegedService
from tests.real_parts.tools import tool

POSTS = 20
NUMBER = 4_711
_MOST_S = 120


def test_java_s_client_is_answered(besieged_service: BesiegedService) -> None:
    """java.net.http.HttpClient sends ``Upgrade: h2c`` with each POST: all get 200 and the prediction."""
    source = Path(__file__).with_name("Client.java")
    url = f"{besieged_service.address}/predict"
    java = Path(tool("javac")).resolve().with_name("java")  # a runtime without a compiler cannot run a source file
    command = [str(java), str(source), url, body(NUMBER).decode(), str(POSTS)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=_MOST_S)
    assert process.returncode == 0, process.stderr
    lines = [line.split(" ", 2) for line in process.stdout.splitlines()]
    assert [(status, version) for status, version, _ in lines] == [("200", "HTTP_1_1")] * POSTS
    assert {json.loads(content)["prediction"] for *_, content in lines} == {prediction(NUMBER)}


def test_curl_that_asks_for_http2_is_answered(besieged_service: BesiegedService) -> None:
    """``curl --http2`` offers h2c too, with a length and with chunks, twice over one connection."""
    url = f"{besieged_service.address}/predict"
    for options in ([], ["--header", "Transfer-Encoding: chunked"]):
        command = [
            *(tool("curl"), "--silent", "--show-error", "--http2", "--max-time", "30", *options),
            *("--header", "Content-Type: application/json", "--data-binary", body(NUMBER).decode()),
            *("--write-out", "\n%{http_code} %{http_version} %{num_connects}\n", url, url),
        ]
        process = subprocess.run(command, capture_output=True, text=True, timeout=_MOST_S)
        assert process.returncode == 0, process.stderr
        answers = process.stdout.splitlines()
        assert [json.loads(answer)["prediction"] for answer in answers[::2]] == [prediction(NUMBER)] * 2
        assert answers[1::2] == ["200 1.1 1", "200 1.1 0"]
