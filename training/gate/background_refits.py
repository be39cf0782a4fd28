"""Background refits: another process makes the gate's refits while this process fits, exports and proves the model.

The refits take as long as all other work together, and they need the training part only. If the process fails or was not
started, only time is lost: the gate then makes the refits itself and reports their errors.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import training
from training.config import Decisions, ModelConfig, module_folder
from training.gate.refits import CHECKS, Request
from training.gate.report import Check

ROWS_MIN = 2_000
"""With fewer training rows the refits take less time than starting a process for them."""
_ROOT = Path(training.__file__).parents[1]


class BackgroundRefits:
    """The refits of one run. At most one process computes them."""

    def __init__(self) -> None:
        """Create the refits without a process."""
        self._process: subprocess.Popen[bytes] | None = None
        self._checks: tuple[tuple[Check, ...], ...] | None = None

    def start(self, config: ModelConfig, decisions: Decisions, train_file: Path, processes: int) -> None:
        """Start the refits. Do nothing if the config requests no refits or no core is free.

        Args:
            config: the model's config.
            decisions: the decisions with which the model is fitted.
            train_file: the training part in the workspace.
            processes: the number of processes that can run at the same time, including this process.
        """
        self.stop()
        if processes < 2 or (config.gate.seeds is None and config.gate.leakage is None):
            return
        request = Request(config=config, decisions=decisions, train_file=train_file.absolute())
        folder = module_folder(config)
        places = (str(_ROOT), os.environ.get("PYTHONPATH"), str(folder) if folder is not None else None)
        path = os.pathsep.join(filter(None, places))
        cores = {"PYTHONPATH": path, "LOKY_MAX_CPU_COUNT": str(processes - 1)}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "training.gate"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | cores,
            )
            assert self._process.stdin is not None
            with self._process.stdin as stdin:
                stdin.write(request.model_dump_json().encode())
        except OSError:
            self.stop()

    def wait(self) -> None:
        """Wait until no refit is running, because measurements of time need an idle computer."""
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.stdout is not None
        try:
            with process, process.stdout as stdout:
                answer = stdout.read()
                if process.wait() == 0:
                    self._checks = CHECKS.validate_json(answer)
        except ValueError:
            self._checks = None
        except BaseException:
            process.kill()
            raise

    def take(self) -> tuple[tuple[Check, ...], ...] | None:
        """Return the checks of each of ``training.gate.refits.REFITS``; None if this process must make them."""
        self.wait()
        checks, self._checks = self._checks, None
        return checks

    def stop(self) -> None:
        """End the process and discard its checks."""
        process, self._process, self._checks = self._process, None, None
        if process is None:
            return
        process.kill()
        if process.stdout is not None:
            process.stdout.close()
        process.wait()
