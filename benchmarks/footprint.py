"""How long does a served Bento take to get ready, how much memory does its worker hold, how large is its environment?

Builds a Bento of a model's latest bundle, installs the locked serving group into an environment of its own, serves the
Bento from there several times, and writes the results to ``benchmarks/results/footprint.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.figures.ledger import config_sha256
from benchmarks.machine import describe_machine
from benchmarks.process import ROOT, BenchmarkError, get, run, serve_bento

RESULTS = ROOT / "benchmarks" / "results"
REQUESTS_BEFORE_MEMORY = 2_000


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _size_mib(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 2**20


def _serve_once(python: Path, bento: str) -> dict[str, float]:
    """Serve a Bento until it is ready and warm; return seconds and MiB."""
    with serve_bento(python, bento, cwd=Path("/")) as server:
        examples = json.loads(get(f"{server.address}/model") or b"{}")["examples"]
        body = json.dumps(examples[0]).encode()
        for _ in range(REQUESTS_BEFORE_MEMORY):
            get(f"{server.address}/predict", body)
        family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        memory = [member.memory_info().rss / 2**20 for member in family]
        return {"ready_s": server.ready_s, "worker_rss_mib": max(memory[1:]), "all_processes_rss_mib": sum(memory)}


def built_bento(model: str) -> tuple[str, str]:
    """Build a Bento of a model's latest bundle; return the tags of bundle and Bento."""
    tag = run(sys.executable, "-m", "tabento.bundle", model)
    _say(f"building a Bento of {tag} ...")
    output = run(sys.executable, "-m", "bentoml", "build", "--arg", f"model={tag}", "-o", "tag")
    return tag, output.rpartition("__tag__:")[2]


@contextmanager
def serving_environment() -> Iterator[Path]:
    """Install the locked serving group into an environment of its own, and yield its interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "serving"
        _say("installing requirements/serving.txt into an environment of its own ...")
        run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, str(environment))
        run(
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(environment)),
            *("--no-config", "--no-deps", "--require-hashes", "-r", "requirements/serving.txt"),
        )
        yield environment / "bin" / "python"


def _measure(model: str, starts: int) -> dict[str, object]:
    tag, bento = built_bento(model)
    with serving_environment() as python:
        size = _size_mib(python.parents[1])
        runs = []
        for number in range(starts):
            runs.append(_serve_once(python, bento))
            _say(f"start {number + 1} of {starts}: ready after {runs[-1]['ready_s']:.2f} s")
    figures = {name: [start[name] for start in runs] for name in runs[0]}
    return {
        "question": (__doc__ or "").splitlines()[0],
        "command": f"make footprint MODEL={model}",
        "machine": describe_machine(),
        "model": tag,
        "config_sha256": config_sha256(ROOT / "configs" / f"{model}.yaml"),
        "serving_environment_mib": round(size, 1),
        **{
            name: {
                "min": round(min(values), 2),
                "median": round(statistics.median(values), 2),
                "max": round(max(values), 2),
            }
            for name, values in figures.items()
        },
    }


def main() -> int:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint", description=__doc__)
    parser.add_argument("--model", required=True, help="the model whose latest bundle is served")
    parser.add_argument("--starts", type=int, default=5, help="how often the Bento is started (default 5)")
    arguments = parser.parse_args()
    try:
        result = _measure(arguments.model, arguments.starts)
    except BenchmarkError as error:
        _say(f"error: {error}")
        return 1
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / "footprint.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    _say(f"written to {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
