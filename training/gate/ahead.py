"""Refits ahead: another process makes the gate's refits while this one fits, exports and proves the model.

They take as long as everything else together, and need the training part alone. A process that fails, or was never
started, costs nothing but time: the gate then makes the refits itself and tells what is wrong with them.
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


class RefitsAhead:
    """The refits of one run; at most one process works on them."""

    def __init__(self) -> None:
        """Start nothing."""
        self._process: subprocess.Popen[bytes] | None = None
        self._checks: tuple[tuple[Check, ...], ...] | None = None

    def start(self, config: ModelConfig, decisions: Decisions, train_file: Path, processes: int) -> None:
        """Begin the refits, or do nothing if the config asks for none or there is no core to spare.

        Args:
            config: the model's config.
            decisions: what is fitted.
            train_file: the training part in the workspace.
            processes: how many may run at the same time, this one included.
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
        """Wait until nothing of the refits runs any more, for measurements that want a quiet machine."""
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
        """Return the checks of each of ``training.gate.refits.REFITS``; None if they have to be made here."""
        self.wait()
        checks, self._checks = self._checks, None
        return checks

    def stop(self) -> None:
        """End the process, whatever it has found."""
        process, self._process, self._checks = self._process, None, None
        if process is None:
            return
        process.kill()
        if process.stdout is not None:
            process.stdout.close()
        process.wait()
