"""Runs the commands of a document's terminal transcripts, and writes their present output below them.

A transcript is a block of the language ``console``. A line that begins with ``$`` is a command; the lines up to the next command are its
output. All commands of a document run in one shell, in the order of the document: ``python -m tools.transcript docs/rollout.md``.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PROMPT = "$ "
END = "\x1e"
"""The character before and after the exit code of a command; no output has it."""
_BLOCK = re.compile(r"^(?P<indent> *)```console\n(?P<content>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


class Shell:
    """A shell that runs one command after another and returns their output."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["bash", "--norc"],  # noqa: S607 - bash is where the user's PATH has it
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> tuple[str, int]:
        """Return the output of a command, both streams in their order, and its exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\nprintf '{END}%d{END}\\n' $?\n")
        self._process.stdin.flush()
        output = ""
        while (end := re.search(f"{END}(\\d+){END}\n", output)) is None:
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError(f"the shell ended within {command!r}")
            output += line
        return output[: end.start()], int(end[1])

    def close(self) -> None:
        """End the shell."""
        self._process.communicate()


def commands(content: str) -> Iterator[str]:
    """Yield the commands of a transcript; a command goes on after a line that ends with a backslash."""
    lines = iter(content.splitlines())
    for line in lines:
        if not line.startswith(PROMPT):
            continue
        command = line.removeprefix(PROMPT)
        while command.endswith("\\"):
            command += "\n" + next(lines, "")
        yield command


def run_document(text: str, shell: Shell) -> tuple[str, list[str]]:
    """Return a document with the present output of its commands, and the commands whose exit code is not 0.

    Args:
        text: the document.
        shell: runs the commands.
    """
    failed: list[str] = []

    def run_block(match: re.Match[str]) -> str:
        lines = []
        for command in commands(match["content"]):
            output, exit_code = shell.run(command)
            if exit_code:
                failed.append(f"{command}: exit code {exit_code}\n{output}")
            lines.append(f"{PROMPT}{command}\n{output.rstrip()}".rstrip())
        return "```console\n" + "\n".join(lines) + "\n```"

    return _BLOCK.sub(run_block, text), failed


def main() -> int:
    """Write the transcripts of the documents of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", nargs="+", type=Path)
    exit_code = 0
    for path in parser.parse_args().documents:
        shell = Shell()
        try:
            text, failed = run_document(path.read_text(encoding="utf-8"), shell)
        finally:
            shell.close()
        path.write_text(text, encoding="utf-8")
        for failure in failed:
            print(failure, file=sys.stderr)
            exit_code = 1
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
