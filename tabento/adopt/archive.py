"""The bounds of a skops file. It is a zip archive, and is checked before any member is unpacked.

skops reads members into memory and never writes them to a disk. A path that leads out of the archive does no harm there, but
skops never writes such a path. The sizes come from the archive's directory. They are reliable: ``zipfile`` stops reading a
member at the size that its entry declares.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath, PureWindowsPath

from tabento.adopt.errors import AdoptionError

SCHEMA_MEMBER = "schema.json"
"""The member of a skops file that describes the object; the other members hold its arrays."""
MEMBERS_MAX = 500_000
"""A forest of 10,000 trees has some 40,000 members."""
UNPACKED_BYTES_MAX = 4 << 30
"""The limit for all members together; they are held in memory while the file is read."""
RATIO_MAX = 1_000
"""The largest ratio of the members' size to the file's size: the ratio at which deflate compresses zeros, its best case."""

_ENCRYPTED = 0x1


def open_archive(data: bytes, source: str) -> zipfile.ZipFile:
    """Open a skops file and check its bounds.

    Args:
        data: the file's content.
        source: its name, for messages.

    Returns:
        The archive; no member is unpacked.

    Raises:
        AdoptionError: it is damaged, is not a skops file, or has members that skops does not write.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError) as error:
        raise damaged(source, error) from error
    members = archive.infolist()
    names = [member.filename for member in members]
    if SCHEMA_MEMBER not in names:
        raise AdoptionError(
            f"{source} is a zip archive without {SCHEMA_MEMBER}, so it is not a skops file. Expected a"
            " file of skops.io.dump(pipeline, file)."
        )
    wrong = [name for name in names if not _is_plain(name)]
    if wrong:
        raise _refusal(source, f"a member is called {wrong[0]!r}, a path that leads out of the archive")
    if len(set(names)) != len(names):
        repeated_names = sorted({name for name in names if names.count(name) > 1} if len(names) < 1_000 else {"a name"})
        raise _refusal(source, f"{repeated_names[0]!r} appears more than once")
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise _refusal(source, "a member is encrypted")
    if len(names) > MEMBERS_MAX:
        raise _refusal(source, f"it has {len(names):,} members; {MEMBERS_MAX:,} are allowed")
    unpacked = sum(member.file_size for member in members)
    allowed = min(UNPACKED_BYTES_MAX, RATIO_MAX * len(data))
    if unpacked > allowed:
        raise _refusal(
            source, f"its {len(data):,} bytes would unpack to {unpacked:,}; up to {allowed:,} bytes are allowed"
        )
    return archive


def damaged(source: str, error: Exception) -> AdoptionError:
    """Return the error for a file that is truncated or was changed."""
    reason = str(error).strip() or type(error).__name__
    return AdoptionError(f"{source} is damaged or incomplete: {reason}. Copy it again, or save the pipeline again.")


def _is_plain(name: str) -> bool:
    parts = (*PurePosixPath(name).parts, *PureWindowsPath(name).parts)
    return bool(name) and ".." not in parts and not PurePosixPath(name).root and not PureWindowsPath(name).anchor


def _refusal(source: str, reason: str) -> AdoptionError:
    return AdoptionError(
        f"{source} was not opened: {reason}. skops.io.dump writes no such file. Save the pipeline again from a source"
        " that you trust."
    )
