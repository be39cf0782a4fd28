"""A container for the proof of an image: the commands for each engine, and the runtime's configuration from the image's own."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from deploy.container import RunOptions, Volume, read_image_config, run_container, wait_for
from deploy.engine import Engine
from deploy.errors import ImageError
from tests.deploy.conftest import Programs

TMP = "/tmp"
CONFIG = {
    "Entrypoint": ["/bin/serve"],
    "Cmd": ["now"],
    "Env": ["PATH=/bin", "A=b=c"],
    "User": "1034:7",
    "WorkingDir": "/bento",
    "Healthcheck": {"Test": ["CMD", "/bin/check"]},
    "Labels": {"x": "y"},
}
SPECIFICATION = {
    "ociVersion": "1.0.2",
    "process": {"capabilities": {"bounding": ["CAP_KILL"]}, "rlimits": [{}]},
    "root": {"path": "rootfs"},
    "mounts": [{"type": "proc", "destination": "/proc"}, {"type": "sysfs"}, {"type": "cgroup"}],
    "linux": {
        "resources": {"devices": []},
        "namespaces": [{"type": "pid"}, {"type": "network"}],
        "maskedPaths": ["/x"],
    },
}


def test_waiting_ends_with_the_fault() -> None:
    """A condition that never holds ends at the deadline with the caller's message."""
    assert wait_for(lambda: True, 1, lambda: "never said") < 1
    with pytest.raises(ImageError, match=r"it is dead \(waited 0.1 s\)"):
        wait_for(lambda: False, 0.1, lambda: "it is dead")


def _run(programs: Programs, options: RunOptions) -> str:
    """Return the command with which Docker runs a container of the options."""
    programs.add("docker")
    with run_container(Engine("docker", ""), "tabento:x", options) as container:
        assert container.wait_for_end(10) == 0
    return next(call for call in programs.calls() if call.startswith("docker run"))


def test_docker_runs_a_confined_container(programs: Programs) -> None:
    """The root is read-only, there are no capabilities, and the port is open for this machine only."""
    volume = Volume(Path("/keys"), "/etc/tabento/keys")
    words = _run(
        programs, RunOptions({"A": "b"}, ("serve", "--x"), (volume, Volume(Path("/d"), "/e", read_only=False)))
    )
    for part in (
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--tmpfs /tmp:",
        "--tmpfs /var/lib/tabento:",
        "--volume /keys:/etc/tabento/keys:ro ",
        "--volume /d:/e ",
        "--publish 127.0.0.1:",
        "--env PORT=",
        "--env A=b",
    ):
        assert part in words
    assert words.endswith("tabento:x serve --x")


def test_docker_without_state_and_network(programs: Programs) -> None:
    """The state folder stays part of the read-only root, no port is published, and the image's own port is used."""
    words = _run(programs, RunOptions(state=False, published=False))
    assert "--network none" in words
    for part in ("--publish", "PORT", "/var/lib/tabento"):
        assert part not in words


def test_commands_for_a_running_container(programs: Programs) -> None:
    """A program is executed in it, a signal is sent to its first process, and in the end it is removed."""
    programs.add("podman", 'case "$*" in exec*) echo inside; exit 3 ;; esac')
    with run_container(Engine("podman", ""), "tabento:x") as container:
        result = container.execute("ls", "/")
        assert (result.returncode, result.stdout) == (3, "inside\n")
        container.send(signal.SIGTERM)
    # `podman run` is a process beside these, whose line may come later.
    calls = [call.replace(container.name, "NAME") for call in programs.calls() if not call.startswith("podman run ")]
    assert calls == ["podman exec NAME ls /", "podman kill --signal SIGTERM NAME", "podman rm --force NAME"]


def test_the_end_of_a_container_is_told_with_its_log(programs: Programs) -> None:
    """Its exit code is the entry point's; a start that ends is an error; lines that are not JSON are records too."""
    programs.add("docker", 'case "$*" in run*) echo \'{"level": "info"}\'; echo plain; exit 4 ;; esac')
    with run_container(Engine("docker", ""), "tabento:x") as container:
        with pytest.raises(ImageError, match=r"ended with status 4 before it was ready.*\n.*\n.*plain"):
            container.wait_for_start(lambda: False, 10)
        assert container.wait_for_end(1) == container.exit_code == 4
        assert container.records() == [{"level": "info"}, {"message": "plain"}]


def test_a_container_that_goes_on_is_an_error_and_is_killed(programs: Programs) -> None:
    """The wait for its end has a limit; the removal ends it."""
    pid = programs.folder / "pid"
    programs.add(
        "docker", f"case $1 in run) echo $$ > {pid}; exec /bin/sleep 600 ;; rm) read -r pid < {pid}; kill $pid ;; esac"
    )
    with run_container(Engine("docker", ""), "tabento:x") as container:
        with pytest.raises(ImageError, match=r"did not end within 0.1 s"):
            container.wait_for_end(0.1)
        with pytest.raises(ImageError, match="did not get ready"):
            container.wait_for_start(lambda: False, 0.1)
        wait_for(pid.exists, 10, lambda: "the container was not started")
    assert container.exit_code == -signal.SIGTERM


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_the_configuration_of_an_image(engine: str, programs: Programs) -> None:
    """Each engine shows it in another form."""
    healthcheck = CONFIG["Healthcheck"]
    unchecked = {name: value for name, value in CONFIG.items() if name != "Healthcheck"}
    output: object = {
        "docker": [{"Config": CONFIG}],
        "podman": [{"Config": unchecked, "HealthCheck": healthcheck}],
        "buildah": {"Docker": {"config": CONFIG}},
    }[engine]
    programs.add(engine, f"echo '{json.dumps(output)}'")
    config = read_image_config(Engine(engine, ""), "tabento:x")
    assert config.entrypoint == ("/bin/serve",)
    assert config.command == ("now",)
    assert config.user == "1034:7"
    assert config.healthcheck == ("/bin/check",)
    assert config.labels == {"x": "y"}


def _runtime(programs: Programs, user: str = "1034:7") -> Path:
    """Add a buildah and a runc that keeps the configuration with which it runs; return the file."""
    output = json.dumps({"Docker": {"config": {**CONFIG, "User": user}}})
    programs.add(
        "buildah", f"case $1 in mount) echo /store/root ;; inspect) echo '{output}' ;; from) echo name ;; esac"
    )
    saved_path = programs.folder / "saved.json"
    programs.add(
        "runc",
        f"""case $1 in
  spec) echo '{json.dumps(SPECIFICATION)}' > "$3/config.json" ;;
  run) /bin/cp "$3/config.json" {saved_path}; exit 5 ;;
esac""",
    )
    return saved_path


def test_an_image_of_buildah_is_run_by_runc(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry point, user, folder and variables are the image's; rights and capabilities are none; the network is this machine's."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    saved_path = _runtime(programs)
    options = RunOptions({"A": "changed"}, ("later",), (Volume(Path("/keys"), "/etc/keys"),))
    with run_container(Engine("buildah", ""), "tabento:x", options) as container:
        assert container.wait_for_end(10) == 5
    config = json.loads(saved_path.read_text(encoding="utf-8"))
    assert config["root"] == {"path": "/store/root", "readonly": True}
    assert config["process"] == {
        "terminal": False,
        "user": {"uid": 1034, "gid": 7},
        "args": ["/bin/serve", "later"],
        "env": ["PATH=/bin", "A=changed", "BENTOML_HOST=127.0.0.1", f"PORT={container.port}"],
        "cwd": "/bento",
        "capabilities": {},
        "noNewPrivileges": True,
    }
    assert [mount["destination"] for mount in config["mounts"]] == ["/proc", TMP, "/var/lib/tabento", "/etc/keys"]
    assert config["mounts"][-1]["options"] == ["rbind", "ro"]
    assert config["linux"] == {"resources": {}, "namespaces": [{"type": "pid"}], "maskedPaths": ["/x"]}
    calls = [call.replace(container.name, "NAME") for call in programs.calls()]
    assert calls[-2:] == ["runc delete --force NAME", "buildah rm NAME"]


def test_a_container_with_a_network_of_its_own(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image's own address and port are used there."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    saved_path = _runtime(programs)
    with run_container(Engine("buildah", ""), "tabento:x", RunOptions(state=False, published=False)) as container:
        container.wait_for_end(10)
    config = json.loads(saved_path.read_text(encoding="utf-8"))
    assert config["process"]["args"] == ["/bin/serve", "now"]
    assert config["process"]["env"] == ["PATH=/bin", "A=b=c"]
    assert [mount["destination"] for mount in config["mounts"]] == ["/proc", TMP]
    assert {"type": "network"} in config["linux"]["namespaces"]


def test_what_a_runtime_needs_is_told(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root, runc, and a user that is a number: each message names the remedy, and nothing is left behind."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with (
        pytest.raises(ImageError, match="needs root, and this is user 1000"),
        run_container(Engine("buildah", ""), "x"),
    ):
        pass
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(ImageError, match="apt-get install runc"), run_container(Engine("buildah", ""), "x"):
        pass
    _runtime(programs, user="bentoml")
    with (
        pytest.raises(ImageError, match=r"expected a user by number .* got 'bentoml'"),
        run_container(Engine("buildah", ""), "x"),
    ):
        pass
    assert programs.calls()[-1].startswith("buildah rm ")
