"""Running other people's programs."""

from __future__ import annotations

import pytest

from deploy.command import run_command, watch
from deploy.errors import ImageError
from tests.deploy.conftest import Programs


def test_the_answer_is_what_stdout_says(programs: Programs) -> None:
    """Blanks around it and stderr are not part of an answer."""
    programs.add("engine", "echo ' 27.1 '; echo noise >&2")
    assert run_command(["engine", "info"]) == "27.1"
    assert programs.calls() == ["engine info"]


def test_a_failed_question_repeats_what_was_said(programs: Programs) -> None:
    """The error holds the command, the status and the end of stderr."""
    programs.add("engine", "echo 'no daemon' >&2; exit 3")
    with pytest.raises(ImageError, match=r"`engine info` ended with status 3: no daemon"):
        run_command(["engine", "info"])


def test_a_missing_program_is_named(programs: Programs) -> None:
    """A missing program is an ImageError, for short and for long commands."""
    with pytest.raises(ImageError, match=r"cannot run `engine`.*Install it"):
        run_command(["engine"])
    with pytest.raises(ImageError, match=r"cannot run `engine`.*Get one\."):
        watch(["engine"], {}, "Get one.")


def test_a_command_without_an_answer_ends(programs: Programs) -> None:
    """A client that waits for a dead daemon is ended after the time limit."""
    programs.add("engine", "exec /bin/sleep 30")
    with pytest.raises(ImageError, match=r"did not end within 0.2 s"):
        run_command(["engine", "info"], timeout_s=0.2)


def test_a_long_command_shows_its_output_and_sees_its_variables(
    programs: Programs, capfd: pytest.CaptureFixture[str]
) -> None:
    """The terminal gets the command's output; variables are added to the process's own."""
    programs.add("engine", 'echo "isolation $BUILDAH_ISOLATION"')
    watch(["engine", "build"], {"BUILDAH_ISOLATION": "chroot"}, "")
    assert capfd.readouterr().out == "isolation chroot\n"


def test_a_failed_long_command_says_what_to_do(programs: Programs) -> None:
    """The error ends with the caller's remedy."""
    programs.add("engine", "exit 4")
    with pytest.raises(ImageError, match=r"status 4, expected 0; .* Try again\."):
        watch(["engine", "build"], {}, "Try again.")
