"""A running container from inside: entry point, user, rights, files and programs."""

from __future__ import annotations

import json
import re

from deploy.container import STATE_FOLDER, USER_ID, Container, read_image_config
from deploy.engine import PYTHON
from deploy.prove import FORBIDDEN, check_inside
from tests.image.conftest import TestedImage

MEMORY = "/tmp"
WRITABLE = {MEMORY, STATE_FOLDER, "/dev/shm", "/dev/mqueue"}
"""The folders in which the service's user can write; the last two are the kernel's own, in memory."""
ABSENT_PROGRAMS = (
    "sh",
    "bash",
    "gcc",
    "cc",
    "ld",
    "make",
    "pip",
    "pip3",
    "uv",
    "apt",
    "apt-get",
    "dpkg",
    "perl",
    "curl",
)
_FIND_WRITABLE = """
import json, os
skipped = ("/proc", "/sys", "/dev/fd", "/dev/pts")
found = []
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in skipped]
    if os.access(folder, os.W_OK):
        found.append(folder)
print(json.dumps(found))
"""
_IMPORTABLE = (
    "import importlib.util, json, os, sys; sys.path.insert(0, 'src');"
    " print(json.dumps([os.getuid(), [name for name in sys.argv[1:] if importlib.util.find_spec(name)]]))"
)


def _python(container: Container, program: str, *arguments: str) -> str:
    result = container.execute(PYTHON, "-c", program, *arguments)
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_the_entry_point_is_the_first_process(container: Container, image: TestedImage) -> None:
    """The container runs ENTRYPOINT and CMD of the image, without a shell in between that would keep signals."""
    config = read_image_config(image.engine, image.name)
    command = _python(container, "print(open('/proc/1/cmdline').read().replace(chr(0), ' '))").split()
    assert command == [*config.entrypoint, *config.command]


def test_the_user_has_no_rights(container: Container, image: TestedImage) -> None:
    """User and group are the image's own, there are no capabilities, and none can be gained."""
    assert read_image_config(image.engine, image.name).user == f"{USER_ID}:{USER_ID}"
    status = _python(container, "print(open('/proc/1/status').read())")
    assert re.findall(r"^[UG]id:\t(.*)$", status, re.MULTILINE) == ["\t".join([str(USER_ID)] * 4)] * 2
    assert re.findall(r"^Cap(?:Prm|Eff|Bnd|Amb):\t(.*)$", status, re.MULTILINE) == ["0" * 16] * 4
    assert "NoNewPrivs:\t1" in status


def test_only_memory_and_the_state_volume_can_be_written(container: Container) -> None:
    """The root is read-only, and the service is ready with it."""
    writable = set(json.loads(_python(container, _FIND_WRITABLE).splitlines()[-1]))
    assert {MEMORY, STATE_FOLDER} <= writable
    roots = {folder for folder in writable if not any(folder.startswith(f"{other}/") for other in WRITABLE)}
    assert roots <= WRITABLE


def test_what_a_service_does_not_need_is_absent(container: Container) -> None:
    """No shell, compiler, package manager or training code."""
    check_inside(_python(container, _IMPORTABLE, *FORBIDDEN))
    program = "import shutil, sys; print([name for name in sys.argv[1:] if shutil.which(name)])"
    assert _python(container, program, *ABSENT_PROGRAMS).strip() == "[]"


def test_labels_name_models_and_origin(image: TestedImage) -> None:
    """The image says which bundles it holds, from which commit it is, and its licence."""
    labels = read_image_config(image.engine, image.name).labels
    assert labels["io.tabento.models"] == f"{image.bundle},{image.classifier}"
    assert re.fullmatch(r"sha256:[0-9a-f]{64},sha256:[0-9a-f]{64}", labels["io.tabento.bundles"])
    assert labels["org.opencontainers.image.version"] == image.bento.partition(":")[2]
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert re.fullmatch(r"[0-9a-f]{40}(-modified)?|unknown", labels["org.opencontainers.image.revision"])
