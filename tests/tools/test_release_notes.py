"""A tag is released with the notes of its version, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.release_notes import ReleaseError, main, release_notes

PYPROJECT = '[project]\nname = "tabento"\nversion = "1.2.0"\n'
CHANGELOG = """# Changelog

## [Unreleased]

- Later.

## [1.2.0] - 2026-11-28

### Added

- Images ([docs/images.md](docs/images.md)).

## [1.1.0] - 2026-10-01

- Earlier.

[1.2.0]: https://example.org/v1.2.0
"""


def test_the_notes_are_the_section_of_the_version() -> None:
    """Neither the heading nor other sections are part of them."""
    notes = release_notes("v1.2.0", PYPROJECT, CHANGELOG)
    assert notes == "### Added\n\n- Images ([docs/images.md](docs/images.md))."
    assert release_notes("v1.1.0", PYPROJECT.replace("1.2.0", "1.1.0"), CHANGELOG) == "- Earlier."


@pytest.mark.parametrize(
    ("tag", "changelog", "reason"),
    [
        ("v1.2.1", CHANGELOG, "expected the tag v1.2.0"),
        ("1.2.0", CHANGELOG, "expected the tag v1.2.0"),
        ("v1.2.0", CHANGELOG.replace("[1.2.0] - 2026-11-28", "[1.2.0]"), "has no section"),
        ("v1.2.0", "# Changelog\n\n## [Unreleased]\n", "has no section"),
        ("v1.2.0", "## [1.2.0] - 2026-11-28\n\n## [1.1.0] - 2026-10-01\n\n- Earlier.\n", "is empty"),
    ],
)
def test_a_tag_without_notes_is_refused(tag: str, changelog: str, reason: str) -> None:
    """Nothing is published whose version or notes are wrong."""
    with pytest.raises(ReleaseError, match=reason):
        release_notes(tag, PYPROJECT, changelog)


def test_the_command_has_a_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 with the notes, 1 with the reason, 2 without a tag."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    assert [main(words, tmp_path) for words in (["v1.2.0"], ["v9"], [])] == [0, 1, 2]
    captured = capsys.readouterr()
    assert captured.out.startswith("### Added")
    assert "expected the tag v1.2.0" in captured.err
