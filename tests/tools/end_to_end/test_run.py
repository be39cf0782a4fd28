"""A run prints each step, stops at a failure, and leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tools.end_to_end.errors import SkippedError, StepError
from tools.end_to_end.home import ROOT, Home
from tools.end_to_end.run import Journey, Step, report, run_steps
from tools.end_to_end.steps import compare_answers


def fail(_journey: Journey) -> str:
    """Fail like a step."""
    raise StepError("expected 3 rows, got 2")


def skip(_journey: Journey) -> str:
    """Skip like a step."""
    raise SkippedError("no engine works here")


def crash(_journey: Journey) -> str:
    """Raise an error that no step expects."""
    return str(dict[str, str]()["row"])


def test_each_step_has_a_line_and_a_time(tmp_path: Path) -> None:
    """A skipped step is named with its reason and is no failure; the home is removed."""
    output, path = io.StringIO(), tmp_path / "results" / "e2e.json"
    steps = [Step("data", lambda journey: journey.home.folder.name), Step("image", skip)]

    results = run_steps(steps, output, parent=tmp_path)

    assert report(results, output, path) == 0
    lines = output.getvalue().splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [["ok", "data"], ["skipped", "image"], ["ok", "cleanup"]]
    assert all(line.split()[3] == "s" for line in lines[1:4])
    assert lines[-1].startswith("all steps succeeded, skipped: image, ")
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["succeeded"] is True
    assert [step["name"] for step in document["steps"]] == ["data", "image", "cleanup"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["results"]


@pytest.mark.parametrize(("work", "reason"), [(fail, "expected 3 rows, got 2"), (crash, "KeyError('row')")])
def test_a_failed_step_ends_the_run(tmp_path: Path, work: object, reason: str) -> None:
    """Later steps do not run, the cleanup does, and the status is 1."""
    output = io.StringIO()
    results = run_steps([Step("train", work), Step("serve", fail)], output, parent=tmp_path)  # type: ignore[arg-type]

    assert report(results, output) == 1
    assert [(result.name, result.outcome) for result in results] == [("train", "FAILED"), ("cleanup", "ok")]
    assert reason in output.getvalue()
    assert output.getvalue().splitlines()[-1].startswith("failed at train, ")
    assert not list(tmp_path.iterdir())


def test_a_process_that_a_step_leaves_running_is_ended_and_named(tmp_path: Path) -> None:
    """The cleanup fails then: a step must end its own processes."""
    started: list[subprocess.Popen[bytes]] = []

    def leave(_journey: Journey) -> str:
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))
        return ""

    results = run_steps([Step("serve", leave)], io.StringIO(), parent=tmp_path)

    assert (results[-1].name, results[-1].outcome) == ("cleanup", "FAILED")
    assert str(started[0].pid) in results[-1].detail
    started[0].wait(timeout=60)
    assert not psutil.pid_exists(started[0].pid)
    assert not list(tmp_path.iterdir())


def test_other_processes_of_the_caller_are_left_alone(tmp_path: Path) -> None:
    """A process that ran before is not the run's."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        results = run_steps([], io.StringIO(), parent=tmp_path)
        assert other.poll() is None
    assert [result.outcome for result in results] == ["ok"]


def test_the_stack_is_closed_before_the_cleanup(tmp_path: Path) -> None:
    """A service that runs when a later step fails is ended by the stack."""
    closed: list[bool] = []

    def start(journey: Journey) -> str:
        journey.stack.callback(lambda: closed.append(journey.home.folder.is_dir()))
        return ""

    run_steps([Step("serve", start), Step("predict", fail)], io.StringIO(), parent=tmp_path)
    assert closed == [True]


def test_a_kept_home_remains(tmp_path: Path) -> None:
    """``--keep`` leaves the logs for a look."""
    run_steps([Step("train", fail)], io.StringIO(), keep=True, parent=tmp_path)
    (folder,) = tmp_path.iterdir()
    assert (folder / "logs").is_dir()


def test_the_variables_of_the_user_do_not_lead_out_of_the_home(tmp_path: Path) -> None:
    """Neither a registry nor a model store of the user is used; other variables are inherited."""
    home = Home.create(tmp_path, {"TABENTO_TRAINING_TRACKING_URI": "http://example.org", "PATH": "/bin"})
    assert "TABENTO_TRAINING_TRACKING_URI" not in home.environment
    assert home.environment["PATH"] == "/bin"
    folders = {name: value for name, value in home.environment.items() if name.endswith("_FOLDER")}
    assert len(folders) >= 6
    assert all(Path(value).parent == tmp_path for value in folders.values())


def test_a_failed_command_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """The message has the status and the last lines of standard error, else of standard output."""
    home = Home.create(tmp_path, os.environ)
    code = (
        "import sys; [print(f'line {n}.', file=sys.stderr) for n in range(50)];"
        " [print('-'.join(['so', 'far'])) for _ in range(50)]; sys.exit(3)"
    )
    with pytest.raises(StepError, match=r"ended with status 3") as error:
        home.run("bento", "-c", code)
    assert "line 49." in str(error.value)
    assert "line 1." not in str(error.value)
    assert "so-far" not in str(error.value)
    with pytest.raises(StepError, match="only-there"):
        home.run("quiet", "-c", "import sys; print('-'.join(['only', 'there'])); sys.exit(1)")


@pytest.mark.slow
def test_a_command_without_end_is_ended_with_its_children(tmp_path: Path) -> None:
    """A step cannot wait without a limit."""
    home = Home.create(tmp_path, os.environ)
    code = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        " open('child', 'w').write(str(child.pid)); child.wait()"
    )
    with pytest.raises(StepError, match="did not end within 5 s"):
        home.run("train", "-c", code, timeout_s=5)
    assert not psutil.pid_exists(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize(
    ("expected", "actual", "message"),
    [
        ([1.0, 2.0], [1.0], "expected 2 answers, got 1"),
        ([1.0, 2.0], [1.0, 2.0001], "row 1: the pipeline answers 2.0, the service 2.0001"),
        (["yes"], ["no"], "row 0: the pipeline answers 'yes', the service 'no'"),
        ([True], [1], ""),
    ],
)
def test_answers_are_compared(expected: list[object], actual: list[object], message: str) -> None:
    """A wrong number, a wrong label and a missing row are failures."""
    if message:
        with pytest.raises(StepError, match=message):
            compare_answers(expected, actual)
    else:
        compare_answers(expected, actual)
    compare_answers([1.0], [1.0 + 1e-12])


def start_command(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command with its home in a folder of the test."""
    return subprocess.Popen(
        [sys.executable, "-m", "tools.end_to_end", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_a_broken_step_ends_with_status_one(tmp_path: Path) -> None:
    """Data without a needed column: the step is named, its message is shown, and nothing remains."""
    data = tmp_path / "rows.csv"
    data.write_text("a,b\n1,2\n", encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    process = start_command(home, "--config", "configs/boston.yaml", "--data", str(data))
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1, output
    assert "FAILED   data" in output
    assert "ended with status 1" in output
    assert output.splitlines()[-1].startswith("failed at data, ")
    assert not list(home.glob("tabento-e2e-*"))


@pytest.mark.slow
def test_sigterm_ends_the_run_and_cleans_up(tmp_path: Path) -> None:
    """A workflow that is cancelled leaves no process and no folder."""
    process = start_command(tmp_path, "--config", "configs/boston.yaml")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("home: ")
    family = psutil.Process(process.pid)
    while not family.children():
        assert process.poll() is None
    children = family.children(recursive=True)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 128 + signal.SIGTERM, output
    assert not list(tmp_path.glob("tabento-e2e-*"))
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
