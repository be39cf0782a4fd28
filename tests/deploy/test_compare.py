"""The comparison of two images: each difference is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.compare import main
from tests.deploy.archives import layer, write_archive

FILES: dict[str, bytes | str] = {"a/x.py": b"1", "bin": "usr/bin"}
CONFIG = {"User": "1034", "Labels": {"v": "1"}}


@pytest.mark.parametrize(
    ("layers", "config", "expected"),
    [
        ([layer({**FILES, "a/x.py": b"2"})], CONFIG, "layer 1, file a/x.py"),
        ([layer({**FILES, "b": b""})], CONFIG, "layer 1, file b: missing |"),
        ([layer({**FILES, "bin": "bin2"})], CONFIG, "layer 1, file bin"),
        ([layer(FILES, mtime=8)], CONFIG, "layer 1, file a/x.py"),
        ([layer(dict(reversed(FILES.items())))], CONFIG, "equal files in another order"),
        ([layer(FILES), layer({})], CONFIG, "layers: 1 | 2"),
        ([layer(FILES)], {**CONFIG, "User": "0"}, "configuration User: 1034 | 0"),
        ([layer(FILES)], {**CONFIG, "Labels": {"v": "2"}}, "configuration Labels"),
    ],
)
def test_a_difference_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], layers: list[bytes], config: dict[str, Any], expected: str
) -> None:
    """Content, link, time, order, number of layers and configuration: status 1, and the place of the difference."""
    paths = [
        write_archive(tmp_path / "1.tar", [layer(FILES)], CONFIG),
        write_archive(tmp_path / "2.tar", layers, config),
    ]
    assert main([str(path) for path in paths]) == 1
    assert expected in capsys.readouterr().out


def test_equal_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Parts of the configuration that no container uses, such as the time of the build, do not count."""
    paths = [write_archive(tmp_path / f"{n}.tar", [layer(FILES)], {**CONFIG, "Hostname": str(n)}) for n in range(2)]
    assert main([str(path) for path in paths]) == 0
    assert "equal: 2 files in 1 layers" in capsys.readouterr().out
