"""Commands: options with several values, sections of the help, and suggestions for mistyped names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tabento.command_line.commands import repeated_options
from training.__main__ import command_group, main
from training.commands.entries import ENTRIES

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--target", "a", "b", "--name", "x"], ["--target", "a", "--target", "b", "--name", "x"]),
        (["--target", "a"], ["--target", "a"]),
        (["--target", "--name", "x"], ["--target", "--name", "x"]),
        (["--target", "-", "a"], ["--target", "-", "--target", "a"]),
        (["x", "--target=a", "b"], ["x", "--target=a", "b"]),
        (["--target", "a", "--", "b"], ["--target", "a", "--", "b"]),
    ],
)
def test_several_values_repeat_the_option(words: list[str], expected: list[str]) -> None:
    """All words up to the next option are values of an option that takes several."""
    assert repeated_options(words, {"--target"}) == expected


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        (["trian"], "'train'"),
        (["exprot"], "'export'"),
        (["train", "--confg", "x.yaml"], "'--config'"),
        (["models", "promot", "trees", "3"], "'promote'"),
    ],
)
def test_mistyped_names_are_answered_with_the_closest(
    words: list[str], suggestion: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped command or option is wrong usage, and the message suggests the right one."""
    with pytest.raises(SystemExit) as exit_info:
        main(words)
    assert exit_info.value.code == 2
    _, _, suggestions = capsys.readouterr().err.partition("Did you mean")
    assert suggestion in suggestions


def test_help_lists_the_commands_in_sections(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command is below the heading of its section, in the given order."""
    with pytest.raises(SystemExit):
        main(["-h"])
    out = capsys.readouterr().out
    positions = [out.index(f"\n  {entry.name} ") for entry in ENTRIES]
    assert positions == sorted(positions)
    sections = list(dict.fromkeys(entry.section for entry in ENTRIES))
    assert [out.index(f"\n{section}:") for section in sections] == sorted(out.index(f"\n{name}:") for name in sections)


def test_help_of_a_command_has_sections_of_options(capsys: pytest.CaptureFixture[str]) -> None:
    """The command's own options are the first, then data, folders and stages."""
    with pytest.raises(SystemExit):
        main(["train", "-h"])
    out = capsys.readouterr().out
    headings = ["\nOptions:", "\nData:", "\nFolders and tracking:", "\nStages:", "\nexamples:"]
    assert [out.index(heading) for heading in headings] == sorted(out.index(heading) for heading in headings)
    assert out.index("--config") < out.index("\nData:") < out.index("--download / --no-download")


def test_every_entry_is_a_command_of_its_name() -> None:
    """The list of commands and the modules agree."""
    group = command_group()
    context = group.make_context("tabento", ["-h"], resilient_parsing=True)
    for entry in ENTRIES:
        command = group.get_command(context, entry.name)
        assert command is not None
        assert command.name == entry.name
        assert command.help


def test_shell_completes_commands_and_options() -> None:
    """The script answers a shell that asks for completions."""
    for words, expected in (("tabento re", {"record", "retrain"}), ("tabento train --js", {"--json"})):
        process = subprocess.run(
            [sys.executable, "-c", "import sys; sys.argv = ['tabento']; from tabento.__main__ import main; main()"],
            cwd=ROOT,
            env={"_TABENTO_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))},
            capture_output=True,
            text=True,
            check=False,
        )
        assert {line.partition(",")[2] for line in process.stdout.splitlines()} == expected, process.stderr
