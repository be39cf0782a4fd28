"""The workflows of GitHub: pinned actions, least permissions, and commands that exist."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
ACTIONS = sorted((FOLDER / "actions").glob("*/action.yml"))
NEEDLESS_PERMISSIONS = {"actions", "checks", "deployments", "security-events", "statuses", "pages", "discussions"}


def load(path: Path) -> dict[Any, Any]:
    """Return a workflow or an action. YAML reads the key ``on`` as true."""
    document: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each job with its file and name."""
    for path in WORKFLOWS:
        for name, job in load(path)["jobs"].items():
            yield f"{path.name}: {name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each step of all jobs and composite actions with its place."""
    for place, job in jobs():
        yield from ((place, step) for step in job.get("steps", ()))
    for path in ACTIONS:
        yield from ((path.parent.name, step) for step in load(path)["runs"]["steps"])


JOBS = dict(jobs())


def test_the_workflows_are_there() -> None:
    """Pull requests, nights, releases, deployments, retraining and locks have a workflow each."""
    names = {path.stem for path in WORKFLOWS}
    assert {"ci", "nightly", "release", "deploy", "image", "retrain", "locks"} == names


def test_every_action_is_pinned_by_its_commit() -> None:
    """A tag can be moved to other code, a commit cannot; one version of an action is used everywhere, and its name is beside it."""
    versions: dict[str, set[str]] = {}
    for path in (*WORKFLOWS, *ACTIONS):
        for line in re.findall(r"uses: (.+)", path.read_text(encoding="utf-8")):
            if line.startswith("./"):
                assert (ROOT / line).exists(), f"{path.name}: {line}"
                continue
            match = re.fullmatch(r"([\w-]+/[\w/-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+", line)
            assert match is not None, f"{path.name}: {line}"
            versions.setdefault(match[1], set()).add(line)
    assert len(versions) >= 7
    assert not {name: lines for name, lines in versions.items() if len(lines) > 1}


def test_only_actions_of_github_are_used() -> None:
    """Code of a third party would run with the rights of the job; a command of the Makefile does the same work."""
    owners = {step["uses"].split("/")[0] for _, step in steps() if "uses" in step}
    assert owners == {"actions", "."}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_no_permission_of_its_own(path: Path) -> None:
    """Each job names its permissions, and no event lets a fork's code see secrets."""
    workflow = load(path)
    assert workflow["permissions"] == {}
    assert not {"pull_request_target", "workflow_run"} & set(workflow[True])
    assert "concurrency" in workflow or "workflow_call" in workflow[True]


@pytest.mark.parametrize("place", JOBS)
def test_a_job_has_an_end_and_least_permissions(place: str) -> None:
    """A job that hangs ends, and the right to write is given with its reason in the same line."""
    job = JOBS[place]
    permissions = job["permissions"]
    assert not NEEDLESS_PERMISSIONS & set(permissions)
    text = (FOLDER / "workflows" / place.split(":")[0]).read_text(encoding="utf-8")
    if "uses" not in job:
        assert 0 < job["timeout-minutes"] <= 120
        assert job["runs-on"] == "ubuntu-latest"
        for permission, level in permissions.items():
            assert level == "read" or re.search(rf"^ +{permission}: write # \w", text, re.MULTILINE), permission


def test_no_checkout_keeps_its_token() -> None:
    """A token in .git/config could be read by every later step and reach an artifact."""
    checkouts = [step for _, step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) > 10
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_value_of_an_event_is_part_of_a_script() -> None:
    """A script gets values by its environment, so that a branch's name cannot become code."""
    assert not [f"{place}: {step['run']}" for place, step in steps() if "${{" in step.get("run", "")]


def test_a_published_image_has_no_cached_package() -> None:
    """A cache can be written by other runs."""
    for name in ("image", "release"):
        for place, job in JOBS.items():
            if place.startswith(name):
                setups = [step for step in job.get("steps", ()) if step.get("uses") == "./.github/actions/setup"]
                assert all(step["with"]["cache"] == "false" for step in setups), place
                assert not [step for step in job.get("steps", ()) if step.get("uses", "").startswith("actions/cache@")]


def commands(pattern: str) -> set[str]:
    """Return the first groups of a pattern in all scripts and matrices."""
    texts = [step.get("run", "") for _, step in steps()]
    matrices = [json.dumps(job.get("strategy", {})) for job in JOBS.values()]
    return {match for text in (*texts, *matrices) for match in re.findall(pattern, text, re.MULTILINE)}


def test_every_target_is_in_the_makefile() -> None:
    """A renamed target would break a workflow that runs at night or at a release only."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known_targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    (matrix,) = (job["strategy"]["matrix"]["target"] for place, job in JOBS.items() if place == "nightly.yml: tests")
    used_targets = commands(r"\bmake ([a-z][a-z0-9-]+)") | {target.split()[0] for target in matrix}
    used_targets |= {step["with"]["target"] for _, step in steps() if step.get("with", {}).get("target")}
    assert len(used_targets) > 15
    assert used_targets <= known_targets


def test_every_module_exists() -> None:
    """A module that a script runs can be found."""
    modules = commands(r"python3? -m ([a-z_.]+)")
    assert {"tools.smoke", "tools.release_notes", "tools.changed_areas", "benchmarks.regression"} <= modules
    assert not [module for module in modules if importlib.util.find_spec(module) is None]


def test_one_check_sums_up_a_pull_request() -> None:
    """The branch's protection asks for `required`, so every other job must be among its needs."""
    ci = load(FOLDER / "workflows" / "ci.yml")["jobs"]
    assert set(ci["required"]["needs"]) == set(ci) - {"required"}
    assert ci["required"]["if"] == "always()"


@pytest.mark.parametrize(
    ("results", "status"),
    [
        (["success", "skipped"], 0),
        (["success", "failure"], 1),
        (["cancelled", "success"], 1),
    ],
)
@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed; GitHub's computers have it")
def test_a_failed_or_cancelled_job_fails_the_check(results: list[str], status: int) -> None:
    """A skipped job is fine: its files did not change."""
    ci = load(FOLDER / "workflows" / "ci.yml")["jobs"]
    needs = {f"job{number}": {"result": result} for number, result in enumerate(results)}
    process = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", ci["required"]["steps"][0]["run"]],
        env={"PATH": "/usr/bin:/bin", "NEEDS": json.dumps(needs)},
        capture_output=True,
        check=False,
    )
    assert process.returncode == status


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (3, 0), (1, 1), (2, 1)])
def test_a_night_is_red_only_if_a_measure_became_worse(tmp_path: Path, code: int, expected: int) -> None:
    """The first night compares nothing, which is no failure; the newest seven nights are compared and kept."""
    (script,) = (
        step["run"]
        for step in JOBS["nightly.yml: benchmark"]["steps"]
        if step.get("name") == "Compare with the nights before"
    )
    for name in ("side_by_side.json", "footprint.json", "start.json"):
        (tmp_path / "benchmarks/results").mkdir(parents=True, exist_ok=True)
        (tmp_path / "benchmarks/results" / name).write_text("{}", encoding="utf-8")
    for night in range(1, 9):
        (tmp_path / f".nightly/2026-11-0{night}T000000").mkdir(parents=True)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/bash\necho "$@" > arguments\necho "| table |"\nexit {code}\n', encoding="utf-8")
    python.chmod(0o755)
    process = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "GITHUB_STEP_SUMMARY": "summary.md"},
        check=False,
    )
    assert process.returncode == expected
    nights = (tmp_path / "arguments").read_text(encoding="utf-8").split()
    assert [word for word in nights if ".nightly/2" in word] == [
        f".nightly/2026-11-0{night}T000000" for night in range(2, 9)
    ]
    assert (tmp_path / "summary.md").read_text(encoding="utf-8") == "| table |\n"
    kept_nights = sorted(path.name for path in (tmp_path / ".nightly").iterdir() if path.is_dir())
    assert len(kept_nights) == 7
    assert len(list((tmp_path / ".nightly" / kept_nights[-1]).glob("*.json"))) == 3


def test_all_systems_are_built() -> None:
    """The matrices of pull requests and releases list the models of configs."""
    models = {path.stem for path in (ROOT / "configs").glob("*.yaml")} - {"serving"}
    for place in ("ci.yml: bundle", "release.yml: image"):
        assert set(JOBS[place]["strategy"]["matrix"]["model"]) == models


def test_the_deployment_names_the_overlay_and_its_namespace() -> None:
    """The workflow waits in the namespace of the overlay, and replaces the image that the overlay names."""
    overlay = load(ROOT / "deploy/kubernetes/overlays/staging/kustomization.yaml")
    (script,) = (step["run"] for step in JOBS["deploy.yml: staging"]["steps"] if step.get("name") == "Deploy")
    assert f"--namespace {overlay['namespace']} " in script
    assert f'name: "{overlay["images"][0]["newName"]}"' in script


def test_dependabot_watches_folders_that_exist() -> None:
    """Actions, images, packages and hooks are watched."""
    updates = load(FOLDER / "dependabot.yml")["updates"]
    assert {"github-actions", "docker", "pip", "pre-commit"} <= {update["package-ecosystem"] for update in updates}
    for update in updates:
        for folder in update.get("directories", [update.get("directory")]):
            assert folder == "/" or list(ROOT.glob(folder.strip("/"))), folder
