"""The bounds of a skops file: a zip archive, looked at before anything in it is unpacked or believed.

skops reads members into memory and never writes them to a disk, so a path that leads elsewhere does no harm there; but
no honest writer makes one. Sizes are those of the archive's directory: ``zipfile`` stops reading a member at the size
that its entry declares, so they bind.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath, PureWindowsPath

from training.adoption.errors import AdoptionError

SCHEMA_MEMBER = "schema.json"
"""The member of a skops file that describes the object; the others hold its arrays."""
MEMBERS_MAX = 500_000
"""A forest of 10,000 trees has some 40,000 members."""
UNPACKED_BYTES_MAX = 4 << 30
"""All members together; they are held in memory while the file is read."""
RATIO_MAX = 1_000
"""How many times larger than the file its members may be: what deflate makes of zeros, the best case it has."""

_ENCRYPTED = 0x1


def open_archive(data: bytes, source: str) -> zipfile.ZipFile:
    """Open a skops file and check its bounds.

    Args:
        data: the file's content.
        source: its name, for messages.

    Returns:
        The archive; nothing of it has been unpacked.

    Raises:
        AdoptionError: it is damaged, no skops file, or has members that no writer of skops makes.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError) as error:
        raise damaged(source, error) from error
    members = archive.infolist()
    names = [member.filename for member in members]
    if SCHEMA_MEMBER not in names:
        raise AdoptionError(
            f"{source} is a zip archive without {SCHEMA_MEMBER}, so it is no skops file. Expected what"
            " skops.io.dump(pipeline, file) writes."
        )
    wrong = [name for name in names if not _is_plain(name)]
    if wrong:
        raise _refused(source, f"a member is called {wrong[0]!r}, a path that leads out of the archive")
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1} if len(names) < 1_000 else {"a name"})
        raise _refused(source, f"{twice[0]!r} is there more than once")
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise _refused(source, "a member is encrypted")
    if len(names) > MEMBERS_MAX:
        raise _refused(source, f"it has {len(names):,} members; {MEMBERS_MAX:,} are allowed")
    unpacked = sum(member.file_size for member in members)
    allowed = min(UNPACKED_BYTES_MAX, RATIO_MAX * len(data))
    if unpacked > allowed:
        raise _refused(
            source, f"its {len(data):,} bytes would unpack to {unpacked:,}; up to {allowed:,} bytes are allowed"
        )
    return archive


def damaged(source: str, error: Exception) -> AdoptionError:
    """Return the error for a file that is cut short or was changed."""
    reason = str(error).strip() or type(error).__name__
    return AdoptionError(
        f"{source} is damaged or no complete pipeline file: {reason}. Copy it again, or save the pipeline anew."
    )


def _is_plain(name: str) -> bool:
    parts = (*PurePosixPath(name).parts, *PureWindowsPath(name).parts)
    return bool(name) and ".." not in parts and not PurePosixPath(name).root and not PureWindowsPath(name).anchor


def _refused(source: str, reason: str) -> AdoptionError:
    return AdoptionError(
        f"{source} was not opened: {reason}. skops.io.dump writes no such file. Save the pipeline anew from a source"
        " that you trust."
    )
