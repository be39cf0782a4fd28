"""A base image from Debian's packages: its content, the sources of its packages, and the steps of its build."""

from __future__ import annotations

import os
import tarfile
import tomllib
from pathlib import Path

import pytest

from deploy.base import IMAGE, find_certificates, find_uv, import_steps, make_base, pip_settings, uv_settings
from deploy.engine import Engine
from deploy.errors import ImageError
from tests.deploy.conftest import Programs

BUILDAH = Engine("buildah", "")
DEBOOTSTRAP = 'for last; do case "$last" in */root) /bin/mkdir -p "$last/var/cache/apt/archives" "$last/etc"; echo me > "$last/etc/hostname";; esac; done'


def test_pips_settings_become_uvs() -> None:
    """Indexes, links and trusted hosts are taken over; the environment beats the files."""
    text, left_out = uv_settings(
        "global.index-url='https://files.example/simple'\n"
        ":env:.index-url='https://env.example/simple'\n"
        "global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'\n"
        "global.find-links='https://links.example/'\n"
        "global.trusted-host='b.example'\n"
        "global.timeout='60'\n"
    )
    assert left_out == []
    assert tomllib.loads(text) == {
        "system-certs": True,
        "allow-insecure-host": ["b.example"],
        "find-links": ["https://links.example/"],
        "index-strategy": "unsafe-best-match",
        "index": [
            {"url": "https://a.example/simple"},
            {"url": "https://b.example/simple"},
            {"url": "https://env.example/simple", "default": True},
        ],
    }


def test_places_on_this_machines_disk_are_left_out() -> None:
    """A build cannot read a folder of this machine; the skipped addresses are returned for a message."""
    text, left_out = uv_settings(
        "global.find-links='/wheels'\nglobal.extra-index-url='file:///index https://c.example/'"
    )
    assert left_out == ["file:///index", "/wheels"]
    assert tomllib.loads(text)["index"] == [{"url": "https://c.example/"}]
    assert "find-links" not in text


def test_without_settings_only_the_systems_certificates_are_named() -> None:
    """uv then asks PyPI, and trusts whom the base image trusts."""
    assert uv_settings("") == ("system-certs = true\n", [])


def test_pip_is_asked_where_there_is_one(programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pip on PATH answers; no pip means no settings."""
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    assert pip_settings() == ""
    programs.add("pip3", "echo \"global.timeout='60'\"")
    assert pip_settings() == "global.timeout='60'"
    assert programs.calls() == ["pip3 config list"]


def test_the_named_certificates_come_first(tmp_path: Path) -> None:
    """A variable that names a file has priority; a variable that names a missing file is ignored."""
    bundle = tmp_path / "ca.pem"
    bundle.write_text("certificates", encoding="utf-8")
    assert find_certificates({"SSL_CERT_FILE": str(tmp_path / "gone"), "PIP_CERT": str(bundle)}) == bundle


def test_uv_is_needed(programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The uv on PATH is used; if there is none, the error names the command that installs it."""
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    with pytest.raises(ImageError, match="make setup"):
        find_uv()
    path = programs.add("uv")
    assert find_uv() == path


def test_each_engine_imports_in_its_way() -> None:
    """podman has a command for it; buildah starts from an empty image and commits."""
    archive = Path("/somewhere/root.tar")
    assert import_steps("podman", archive, "base:x")[0][:3] == ["podman", "import", "--quiet"]
    verbs = [step[1] for step in import_steps("buildah", archive, "base:x")]
    assert verbs == ["from", "add", "config", "commit"]


def test_only_root_can_make_a_base(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """debootstrap makes a root folder with owners, so another user gets an error before the first step."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ImageError, match="needs root, and this is user 1000"):
        make_base(BUILDAH, None, os.environ)


def test_a_missing_debootstrap_is_named(monkeypatch: pytest.MonkeyPatch, programs: Programs) -> None:
    """The error has the command that installs it."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(ImageError, match="apt-get install debootstrap"):
        make_base(BUILDAH, None, os.environ)


def test_a_base_is_bootstrapped_filled_and_imported(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv and the certificates are in the archive that the engine gets, apt's downloads and this machine's name are not."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    saved_path, certificates = tmp_path / "kept.tar", tmp_path / "ca.pem"
    certificates.write_text("certificates", encoding="utf-8")
    programs.add("debootstrap", DEBOOTSTRAP)
    programs.add("tar", 'exec /bin/tar "$@"')
    programs.add("uv", "echo uv")
    programs.add("buildah", f'if [ "$1" = add ]; then /bin/cp "$4" "{saved_path}"; fi')
    environment = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(certificates)}
    assert make_base(BUILDAH, "http://mirror.example/debian", environment) == IMAGE
    calls = [call for call in programs.calls() if not call.startswith("tar")]
    assert calls[0].startswith("debootstrap --variant=minbase --include=python3,ca-certificates,binutils bookworm ")
    assert calls[0].endswith("/root http://mirror.example/debian")
    assert [call.split()[1] for call in calls[1:]] == ["from", "add", "config", "commit"]
    with tarfile.open(saved_path) as archive:
        names = set(archive.getnames())
        trusted = archive.extractfile("./etc/ssl/certs/ca-certificates.crt")
        assert trusted is not None
        assert trusted.read() == b"certificates"
    assert "./usr/local/bin/uv" in names
    assert not names & {"./var/cache/apt/archives", "./etc/hostname"}


def test_a_failed_import_leaves_no_container(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working container is removed, and the error is the step's."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    programs.add("debootstrap", DEBOOTSTRAP)
    programs.add("tar")
    programs.add("uv")
    programs.add("buildah", '[ "$1" != commit ]')
    with pytest.raises(ImageError, match="buildah commit"):
        make_base(BUILDAH, None, {"PATH": os.environ["PATH"]})
    assert programs.calls()[-1] == f"buildah rm tabento-build-{os.getpid()}"
