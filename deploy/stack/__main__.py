"""``python -m deploy.stack``: run the programs of deploy/compose/compose.yaml as processes of this computer.

Ctrl-C or SIGTERM ends all of them. ``--check`` sends a prediction, a truth, too many requests and an MLflow run through the
stack, looks for each of them where it must arrive, and ends.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from deploy.errors import StackError
from deploy.stack.check import check_stack
from deploy.stack.parts import HOST, REPLICAS, StackPlan, model_store
from deploy.stack.programs import WITHOUT_PACKAGE, find_programs
from deploy.stack.running import RunningStack, running_stack
from monitoring.alerts.prometheus import DEFAULT_RECEIVER_URL
from tabento.bundle.errors import BundleError
from tabento.bundle.store import load_bundle
from tools.ports import free_port

PORTS = {
    "haproxy": 8080,
    "haproxy-metrics": 8405,
    **{name: 3001 + index for index, name in enumerate(REPLICAS)},
    "mlflow": 5000,
    "prometheus": 9090,
    "alertmanager": 9093,
    "postgres": 5432,
    "redis": 6379,
}
"""The preferred ports; a free one replaces a port that is taken."""


def choose_ports(is_free_choice: bool) -> dict[str, int]:
    """Return a port for each part.

    Args:
        is_free_choice: whether the system chooses all ports; else the preferred port is taken if it is free.
    """
    return {name: free_port() if is_free_choice or not _is_free(port) else port for name, port in PORTS.items()}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def address_table(stack: RunningStack) -> str:
    """Return the addresses of the parts, and the parts that do not run, as text."""
    rows = [(part.part.name, part.part.address, part.part.purpose) for part in reversed(stack.parts)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"  {name:<{widths[0]}}  {address:<{widths[1]}}  {purpose}" for name, address, purpose in rows]
    left_out = [f"  left out: {name}. {reason}." for name, reason in WITHOUT_PACKAGE.items()]
    return "\n".join([*lines, *left_out])


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.stack", description=__doc__)
    parser.add_argument("--model", default="california", metavar="NAME[:VERSION]", help="the stored bundle to serve")
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="PATH",
        help="the folder of data, secrets and logs (default: runs/stack; for --check a temporary one)",
    )
    parser.add_argument(
        "--receiver",
        default=DEFAULT_RECEIVER_URL,
        metavar="URL",
        help="the webhook that gets alerts (default: %(default)s)",
    )
    parser.add_argument("--check", action="store_true", help="check the whole stack, and end")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stack; return 0 if it was interrupted or the check succeeded, 1 for an error with a message."""
    options = _parser().parse_args(arguments)
    is_interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: is_interrupted.set())
    try:
        with ExitStack() as resources:
            bundle = load_bundle(options.model)
            folder = options.folder or Path("runs/stack")
            if options.check and options.folder is None:
                folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="tabento-stack-")))
            ports, programs = choose_ports(options.check), find_programs()
            plan = StackPlan(folder.resolve(), ports, programs, str(bundle.tag), model_store())
            stack = resources.enter_context(running_stack(plan, options.receiver, is_interrupted, _print))
            if is_interrupted.is_set():
                return 1 if options.check else 0
            _print(f"\n{address_table(stack)}\n\nAPI keys and passwords: {plan.folder / 'secrets'}")
            if options.check:
                check_stack(stack, bundle, _print)
            else:
                _print("Ctrl-C ends all of them.")
                stack.watch()
    except (StackError, BundleError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
