"""The transcripts of documents are made by running their commands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.transcript import Shell, commands, run_document

DOCUMENT = """# Title

```console
$ name=world
$ echo hello \\
  $name; echo fault >&2
something old
```

```bash
echo left alone
```

```console
$ echo $name
$ false
$ printf 'no line end'
```
"""


@pytest.fixture
def shell() -> Iterator[Shell]:
    """A shell of the test's own."""
    shell = Shell()
    yield shell
    shell.close()


def test_the_output_of_the_commands_is_written_below_them(shell: Shell) -> None:
    """All commands run in one shell; other blocks and the text stay; a failure is named."""
    text, failed = run_document(DOCUMENT, shell)

    assert text == DOCUMENT.replace("something old", "hello world\nfault").replace(
        "$ echo $name\n$ false\n$ printf 'no line end'",
        "$ echo $name\nworld\n$ false\n$ printf 'no line end'\nno line end",
    )
    assert failed == ["false: exit code 1\n"]
    assert run_document(text, shell)[0] == text


def test_a_shell_that_ends_is_an_error(shell: Shell) -> None:
    """A command that ends the shell is named."""
    with pytest.raises(RuntimeError, match="the shell ended within 'exit 3'"):
        shell.run("exit 3")


def test_output_is_not_a_command() -> None:
    """Only lines with a prompt are commands."""
    assert list(commands("output\n$ a\n b $ c\n$ d \\\n  e\n")) == ["a", "d \\\n  e"]
