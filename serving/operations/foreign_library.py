"""Libraries that were built for another kind of machine, such as packages of an image for ARM on an x86 machine.

The entry point of an image reads this file before the packages are imported, so it needs the standard library only.
"""

from __future__ import annotations

import platform
import struct
from pathlib import Path

_MACHINES = {3: "x86", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64", 22: "s390x", 21: "ppc64le"}
"""Values of ``e_machine`` in the header of an ELF file (System V ABI), as ``platform.machine()`` names them."""
_ELF_HEADER = struct.Struct("<4s14xH")


def foreign_library(error: ImportError) -> str | None:
    """Return a message if an import failed because a library was built for another kind of machine; None for other causes.

    The loader only says that it cannot open the file, so the file's own header is read.
    """
    cause: BaseException | None = error
    while cause is not None:
        path = getattr(cause, "path", None)
        machine = elf_machine(Path(path)) if path is not None and ".so" in Path(path).name else None
        if machine is not None and machine != platform.machine():
            return (
                f"ImportError: {path} is a library for {machine}, and this machine is {platform.machine()}. Build the image on"
                " a machine of this kind, or for its platform."
            )
        cause = cause.__cause__ or cause.__context__
    return None


def elf_machine(path: Path) -> str | None:
    """Return the machine for which a library was built; None if the file is not an ELF file of a known machine."""
    try:
        with path.open("rb") as file:
            header = file.read(_ELF_HEADER.size)
    except OSError:
        return None
    if len(header) < _ELF_HEADER.size:
        return None
    magic, machine = _ELF_HEADER.unpack(header)
    return _MACHINES.get(machine) if magic == b"\x7fELF" else None
