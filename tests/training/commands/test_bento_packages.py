"""The packages of a Bento with optional parts: the locks of some groups, combined without a new resolution."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tabento.errors import TabentoError
from training.commands.bento_packages import GROUPS, build_file, combined_lock

ROOT = Path(__file__).parents[3]


def lock(root: Path, group: str, *requirements: str) -> None:
    """Write a lock with one hash for each requirement."""
    (root / "requirements").mkdir(exist_ok=True)
    text = "# made by make lock\n" + "".join(
        f"{name} \\\n    --hash=sha256:{name[0]}\n    # via x\n" for name in requirements
    )
    (root / "requirements" / f"{group}.txt").write_text(text)


def test_all_groups_together_have_each_package_once() -> None:
    """The locks of the checkout agree, every requirement keeps its hashes, and all packages of serving are included."""
    text = combined_lock(ROOT, GROUPS)
    names = re.findall(r"^([a-z0-9.-]+)==\S+(.*?)\\$", text, re.MULTILINE)
    assert len(names) == len(set(names))
    assert {"bentoml", "grpcio", "psycopg", "cryptography", "opentelemetry-exporter-otlp-proto-http"} <= {
        name for name, _ in names
    }
    assert text.count("--hash=sha256:") > len(names)
    assert not re.search(r"^[a-z0-9.-]+==[^\\]*$", text, re.MULTILINE)


def test_the_build_file_names_the_combined_lock(tmp_path: Path) -> None:
    """It is the checkout's file with another lock; the order of the groups and a repetition make no difference."""
    lock(tmp_path, "serving", "a==1", "b==1 ; python_version < '3.12'", "b==2 ; python_version >= '3.12'")
    lock(tmp_path, "grpc", "a==1", "g==3")
    lock(tmp_path, "rollout", "a==1", "r==3")
    (tmp_path / "bentofile.yaml").write_text(
        "service: x\npython:\n  requirements_txt: requirements/serving.txt\n  a: b\n"
    )
    path = build_file(tmp_path, ["rollout", "grpc"])
    assert path == build_file(tmp_path, ["grpc", "rollout", "grpc"])
    assert path.read_text() == (
        "service: x\npython:\n  requirements_txt: runs/packages/grpc-rollout/requirements.txt\n  a: b\n"
    )
    packages = (path.parent / "requirements.txt").read_text()
    assert re.findall(r"^\w==\d", packages, re.MULTILINE) == ["a==1", "b==1", "b==2", "g==3", "r==3"]
    assert build_file(tmp_path, []) == tmp_path / "bentofile.yaml"


def test_locks_that_disagree_are_refused(tmp_path: Path) -> None:
    """Two versions of a package cannot be installed; the message names group, package and command."""
    lock(tmp_path, "serving", "a==1")
    lock(tmp_path, "grpc", "a==2")
    with pytest.raises(TabentoError, match=r"the lock of grpc has another version of a==2.*make lock"):
        combined_lock(tmp_path, ["grpc"])


def test_an_unknown_group_is_refused() -> None:
    """The known ones are named."""
    with pytest.raises(TabentoError, match="expected a group of grpc, postgres, rollout, tracing, got 'training'"):
        combined_lock(ROOT, ["training"])
