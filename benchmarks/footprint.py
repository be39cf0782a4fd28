"""How long does a served Bento take to get ready, how much memory does its worker hold, how large is what it needs?

Builds a Bento of a model's latest bundle, installs the locked serving group into an environment of its own, serves the
Bento from there several times, and writes what it measured to ``benchmarks/results/footprint.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from benchmarks.machine import describe_machine

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
READY_DEADLINE_S = 120.0
REQUESTS_BEFORE_MEMORY = 2_000


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        raise SystemExit(f"error: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def _uv() -> str:
    return str(ROOT / ".venv" / "uv" / "bin" / "uv")


def _size_mib(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 2**20


def _get(url: str, data: bytes | None = None) -> bytes | None:
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            content: bytes = response.read()
            return content
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _serve_once(python: Path, bento: str) -> dict[str, float]:
    """Serve a Bento until it is ready and warm; return seconds and MiB."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    command = [str(python), "-m", "bentoml", "serve", bento, "--host", "127.0.0.1", "--port", str(port)]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while _get(f"{address}/readyz") is None:
            if process.poll() is not None or time.perf_counter() - started > READY_DEADLINE_S:
                raise SystemExit(f"error: {' '.join(command)} did not get ready")
            time.sleep(0.01)
        ready_s = time.perf_counter() - started
        examples = json.loads(_get(f"{address}/model") or b"{}")["examples"]
        body = json.dumps(examples[0]).encode()
        for _ in range(REQUESTS_BEFORE_MEMORY):
            _get(f"{address}/predict", body)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        memory = [member.memory_info().rss / 2**20 for member in family]
        return {"ready_s": ready_s, "worker_rss_mib": max(memory[1:]), "all_processes_rss_mib": sum(memory)}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint", description=__doc__)
    parser.add_argument("--model", required=True, help="the model whose latest bundle is served")
    parser.add_argument("--runs", type=int, default=5, help="how often the Bento is started (default 5)")
    arguments = parser.parse_args()
    tag = _run(sys.executable, "-m", "bundle", arguments.model)
    _say(f"building a Bento of {tag} ...")
    bento = _run(sys.executable, "-m", "bentoml", "build", "--arg", f"model={tag}", "-o", "tag").rpartition("__tag__:")[
        2
    ]
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "serving"
        _say("installing requirements/serving.txt into an environment of its own ...")
        _run(_uv(), "venv", "--quiet", "--python", sys.executable, str(environment))
        _run(
            *(_uv(), "pip", "install", "--quiet", "--require-hashes", "-r", "requirements/serving.txt"),
            VIRTUAL_ENV=str(environment),
        )
        size = _size_mib(environment)
        runs = []
        for number in range(arguments.runs):
            runs.append(_serve_once(environment / "bin" / "python", bento))
            _say(f"start {number + 1} of {arguments.runs}: ready after {runs[-1]['ready_s']:.2f} s")
    result = {
        "question": __doc__.splitlines()[0] if __doc__ else "",
        "command": f"make bench MODEL={arguments.model}",
        "machine": describe_machine(),
        "model": tag,
        "serving_environment_mib": round(size, 1),
        **{
            name: {
                "min": round(min(run[name] for run in runs), 2),
                "median": round(statistics.median(run[name] for run in runs), 2),
                "max": round(max(run[name] for run in runs), 2),
            }
            for name in runs[0]
        },
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "footprint.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    _say(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
