"""Kaggle's addresses: asked with the key from the environment, unpacked if Kaggle packs them, checked by their content."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from tenacity import wait_none

from tests.training.data.conftest import Answer, WebServer
from training.config import Source
from training.data.download import DownloadError, fetch, fetch_unpinned
from training.data.kaggle import API, kaggle_download

CSV = b"a,b\n1,2\n3,4\n"
ADDRESS = "kaggle://blastchar/telco-customer-churn/sub folder/Telco.csv"
PATH = "/api/v1/datasets/download/blastchar/telco-customer-churn/sub%20folder/Telco.csv"


@pytest.fixture
def kaggle(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> WebServer:
    """A server in the place of Kaggle's, and a user with a key."""
    for name, value in {"API_ENDPOINT": f"{web.url}/api/v1/", "USERNAME": "ada", "KEY": "k3y"}.items():
        monkeypatch.setenv(f"KAGGLE_{name}", value)
    monkeypatch.delenv("KAGGLE_API_TOKEN", raising=False)
    return web


def source(content: bytes) -> Source:
    """Return a source of Kaggle's that expects this content."""
    return Source(url=ADDRESS, sha256=hashlib.sha256(content).hexdigest())


def zipped(**members: bytes) -> bytes:
    """Return a .zip archive of CSV files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.csv", content)
    return buffer.getvalue()


@pytest.mark.parametrize("body", [CSV, zipped(Telco=CSV)], ids=["plain", "packed"])
def test_a_file_comes_with_the_key_and_is_kept(kaggle: WebServer, tmp_path: Path, body: bytes) -> None:
    """Packed or not, the CSV file lies in the cache under its own checksum, and is not asked for again."""
    kaggle.answers = [Answer(body=body)]
    for _ in range(2):
        assert fetch(source(CSV), tmp_path / "cache", wait=wait_none()).read_bytes() == CSV
    assert kaggle.asked == [(PATH, f"Basic {base64.b64encode(b'ada:k3y').decode()}")]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"{source(CSV).sha256}.csv"]


def test_a_token_wins_over_name_and_key(kaggle: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kaggle's newer tokens are sent as a bearer token; an address without a checksum is asked for each time."""
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t0ken")
    kaggle.answers = [Answer(body=CSV)]
    for _ in range(2):
        assert fetch_unpinned(ADDRESS, tmp_path, wait=wait_none()).read_bytes() == CSV
    assert kaggle.asked == [(PATH, "Bearer t0ken")] * 2


def test_the_key_may_stand_in_a_file(kaggle: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` serves for keys as it does for settings; the environment wins."""
    (tmp_path / "keys").write_text("KAGGLE_API_TOKEN=from-file\nKAGGLE_USERNAME=bob\n")
    monkeypatch.setenv("TABENTO_ENV_FILE", str(tmp_path / "keys"))
    kaggle.answers = [Answer(body=CSV)]
    fetch(source(CSV), tmp_path / "cache", wait=wait_none())
    assert kaggle.asked[0][1] == "Bearer from-file"
    monkeypatch.setenv("TABENTO_ENV_FILE", str(tmp_path / "absent"))
    with pytest.raises(DownloadError, match="TABENTO_ENV_FILE names"):
        fetch(source(b"other"), tmp_path / "cache", wait=wait_none())


def test_without_a_key_nobody_is_asked(kaggle: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which variables are missing and where to get a key."""
    monkeypatch.delenv("KAGGLE_KEY")
    with pytest.raises(DownloadError, match=r"set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY.*settings"):
        fetch(source(CSV), tmp_path, wait=wait_none())
    assert kaggle.requests == 0


def test_a_refused_key_is_told_without_it(kaggle: WebServer, tmp_path: Path) -> None:
    """The status of the answer is told, the key is not."""
    kaggle.answers = [Answer(status=403)]
    with pytest.raises(DownloadError, match="403") as caught:
        fetch(source(CSV), tmp_path, wait=wait_none())
    assert "k3y" not in str(caught.value)


def test_another_content_is_refused_and_not_kept(kaggle: WebServer, tmp_path: Path) -> None:
    """The checksum is that of the file itself, in an archive as well."""
    kaggle.answers = [Answer(body=zipped(Telco=b"a,b\n9,9\n"))]
    with pytest.raises(DownloadError, match="not the file that the config names"):
        fetch(source(CSV), tmp_path, wait=wait_none())
    assert list(tmp_path.iterdir()) == []


def test_an_archive_of_several_files_is_refused(kaggle: WebServer, tmp_path: Path) -> None:
    """Which of them is meant cannot be known."""
    kaggle.answers = [Answer(body=zipped(one=CSV, two=CSV))]
    with pytest.raises(DownloadError, match="expected exactly one CSV file"):
        fetch(source(CSV), tmp_path, wait=wait_none())


@pytest.mark.parametrize("address", ["kaggle://owner/file.csv", "kaggle://a/b/", "kaggle://a/b/c.csv?x=1"])
def test_another_form_is_refused(address: str) -> None:
    """The message shows the form."""
    with pytest.raises(DownloadError, match=r"kaggle://owner/dataset/file\.csv"):
        kaggle_download(address, {"KAGGLE_API_TOKEN": "x"})


def test_by_default_kaggle_itself_is_asked() -> None:
    """Only the environment can name another server."""
    wanted = kaggle_download("kaggle://a/b/c.csv", {"KAGGLE_API_TOKEN": "x"})
    assert wanted.url == f"{API}/datasets/download/a/b/c.csv"


def test_the_key_is_not_sent_to_another_host(kaggle: WebServer, tmp_path: Path) -> None:
    """Kaggle's API refers to a store on another host, which gets no key."""
    elsewhere = kaggle.url.replace("127.0.0.1", "localhost")
    kaggle.answers = [Answer(status=302, location=f"{elsewhere}/store/Telco.csv"), Answer(body=CSV)]
    fetch(source(CSV), tmp_path, wait=wait_none())
    assert kaggle.asked[0][1] is not None
    assert kaggle.asked[1] == ("/store/Telco.csv", None)
