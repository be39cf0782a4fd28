"""An environment whose Python process keeps running, because the import of scikit-learn takes most of the time of a call."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from tabento.adopt.versions.environment import SCRIPT, Environment

LOOP = """
import contextlib, io, json, runpy, sys
script = runpy.run_path(sys.argv[1])
for line in sys.stdin:
    output = io.StringIO()
    with contextlib.redirect_stderr(output), contextlib.redirect_stdout(said):
        try:
            code = script["main"](json.loads(line))
        except BaseException as error:
            code = 1
            output.write(repr(error))
    print(json.dumps([code, output.getvalue()]), flush=True)
"""


class ResidentEnvironment(Environment):
    """An environment that answers all calls in one process."""

    def answer(self, arguments: Sequence[str], paths: Sequence[str]) -> tuple[int, str]:
        """Return the answer of the running process; the first call starts it."""
        process = self.__dict__.get("process") or self._start()
        process.stdin.write(json.dumps(list(arguments)) + "\n")
        process.stdin.flush()
        code, output = json.loads(process.stdout.readline())
        return int(code), str(output)

    def close(self) -> None:
        """End the process."""
        process = self.__dict__.get("process")
        if process is not None:
            process.stdin.close()
            process.wait(timeout=60)

    def _start(self) -> Any:
        process = subprocess.Popen(
            [str(self.python), "-c", LOOP, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.__dict__["process"] = process
        return process
