"""An environment whose Python keeps running: importing scikit-learn once for each question would take most of the time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from training.adoption.versions.environment import SCRIPT, Environment

LOOP = """
import contextlib, io, json, runpy, sys
script = runpy.run_path(sys.argv[1])
for line in sys.stdin:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            code = script["main"](json.loads(line))
        except BaseException as error:
            code = 1
            said.write(repr(error))
    print(json.dumps([code, said.getvalue()]), flush=True)
"""


class StandingEnvironment(Environment):
    """Answers as an environment does, in one process for all questions."""

    def answer(self, arguments: Sequence[str], paths: Sequence[str]) -> tuple[int, str]:
        """Let the running process answer; it is started for the first question."""
        process = self.__dict__.get("process") or self._start()
        process.stdin.write(json.dumps(list(arguments)) + "\n")
        process.stdin.flush()
        code, said = json.loads(process.stdout.readline())
        return int(code), str(said)

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
