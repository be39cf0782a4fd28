"""The bounds of a skops file: archives that no honest writer makes are refused before anything is unpacked."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from tabento.adopt import archive
from tabento.adopt.archive import open_archive
from tabento.adopt.errors import AdoptionError


def pack(members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip archive with a schema and some members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # about a repeated name
        for name, content in [("schema.json", b"{}"), *members]:
            file.writestr(name, content)
    return buffer.getvalue()


def test_honest_archive_is_opened() -> None:
    """An archive can have members next to the schema, and in folders."""
    archive = open_archive(pack([("0.npy", b"x"), ("sub/1.npy", b"y")]), "model")
    assert archive.namelist() == ["schema.json", "0.npy", "sub/1.npy"]


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/passwd", "..\\evil", "C:\\evil", "\\\\host\\share"])
def test_paths_that_lead_elsewhere_are_refused(name: str) -> None:
    """A path that leaves the folder on any system is refused."""
    with pytest.raises(AdoptionError, match="leads out of the archive"):
        open_archive(pack([(name, b"x")]), "model")


def test_name_that_is_there_twice_is_refused() -> None:
    """A repeated name is refused: two readers can see two contents."""
    with pytest.raises(AdoptionError, match=r"'0\.npy' appears more than once"):
        open_archive(pack([("0.npy", b"x"), ("0.npy", b"y")]), "model")


def test_bomb_is_refused() -> None:
    """Members that unpack to far more than the file holds are refused by their declared size, unread."""
    data = pack([(f"{number}.npy", bytes(4 << 20)) for number in range(16)], zipfile.ZIP_DEFLATED)
    with pytest.raises(AdoptionError, match=r"would unpack to 67,1\d\d,\d{3}"):
        open_archive(data, "model")


def test_member_that_declares_a_huge_size_is_refused() -> None:
    """A directory that lies upwards is taken at its word."""
    data = bytearray(pack([("0.npy", b"x" * 1000)]))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 20 : entry + 28] = struct.pack("<II", 1000, 0xFFFFFFF0)
    with pytest.raises(AdoptionError, match="would unpack"):
        open_archive(bytes(data), "model")


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of members is bounded."""
    monkeypatch.setattr(archive, "MEMBERS_MAX", 3)
    with pytest.raises(AdoptionError, match="it has 4 members; 3 are allowed"):
        open_archive(pack([(f"{number}.npy", b"x") for number in range(3)]), "model")


def test_encrypted_member_is_refused() -> None:
    """Nobody could look at it."""
    data = bytearray(pack([("0.npy", b"x")]))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(AdoptionError, match="encrypted"):
        open_archive(bytes(data), "model")


def test_other_archives_are_told_apart() -> None:
    """A zip of something else, and what only begins like one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("arr_0.npy", b"x")
    with pytest.raises(AdoptionError, match=r"without schema\.json"):
        open_archive(buffer.getvalue(), "model")
    with pytest.raises(AdoptionError, match="is damaged"):
        open_archive(b"PK\x03\x04 and nothing else", "model")
