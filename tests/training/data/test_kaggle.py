"""Kaggle's addresses are requested with the key of the environment, unpacked if needed, and checked by content."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from tests.retries import AT_ONCE
from tests.training.data.conftest import Answer, WebServer
from training.config import Source
from training.data.download import DownloadError, fetch, fetch_unpinned
from training.data.kaggle import API, kaggle_download

CSV = b"a,b\n1,2\n3,4\n"
ADDRESS = "kaggle://blastchar/telco-customer-churn/sub folder/Telco.csv"
PATH = "/api/v1/datasets/download/blastchar/telco-customer-churn/sub%20folder/Telco.csv"


@pytest.fixture
def kaggle(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> WebServer:
    """Serve in place of Kaggle, for a user with a key."""
    for name, value in {"API_ENDPOINT": f"{web.url}/api/v1/", "USERNAME": "ada", "KEY": "k3y"}.items():
        monkeypatch.setenv(f"KAGGLE_{name}", value)
    monkeypatch.delenv("KAGGLE_API_TOKEN", raising=False)
    return web


def source(content: bytes) -> Source:
    """Return a source of Kaggle with the checksum of this content."""
    return Source(url=ADDRESS, sha256=hashlib.sha256(content).hexdigest())


def zip_archive(**members: bytes) -> bytes:
    """Return a .zip archive of CSV files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.csv", content)
    return buffer.getvalue()


@pytest.mark.parametrize("body", [CSV, zip_archive(Telco=CSV)], ids=["plain", "packed"])
def test_a_file_is_downloaded_with_the_key_and_cached(kaggle: WebServer, tmp_path: Path, body: bytes) -> None:
    """Packed or not, the CSV file is cached under its own checksum and not requested again."""
    kaggle.answers = [Answer(body=body)]
    for _ in range(2):
        assert fetch(source(CSV), tmp_path / "cache", retry=AT_ONCE).read_bytes() == CSV
    assert kaggle.received == [(PATH, f"Basic {base64.b64encode(b'ada:k3y').decode()}")]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"{source(CSV).sha256}.csv"]


def test_a_token_wins_over_name_and_key(kaggle: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kaggle's newer tokens are sent as a bearer token; an address without a checksum is requested each time."""
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t0ken")
    kaggle.answers = [Answer(body=CSV)]
    for _ in range(2):
        assert fetch_unpinned(ADDRESS, tmp_path, retry=AT_ONCE).read_bytes() == CSV
    assert kaggle.received == [(PATH, "Bearer t0ken")] * 2


def test_the_key_can_be_in_a_file(kaggle: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.env` can have the key like any setting; the environment takes precedence."""
    (tmp_path / "keys").write_text("KAGGLE_API_TOKEN=from-file\nKAGGLE_USERNAME=bob\n")
    monkeypatch.setenv("TABENTO_ENV_FILE", str(tmp_path / "keys"))
    kaggle.answers = [Answer(body=CSV)]
    fetch(source(CSV), tmp_path / "cache", retry=AT_ONCE)
    assert kaggle.received[0][1] == "Bearer from-file"
    monkeypatch.setenv("TABENTO_ENV_FILE", str(tmp_path / "absent"))
    with pytest.raises(DownloadError, match="TABENTO_ENV_FILE names"):
        fetch(source(b"other"), tmp_path / "cache", retry=AT_ONCE)


def test_without_a_key_no_request_is_sent(kaggle: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the missing variables and the page with the key."""
    monkeypatch.delenv("KAGGLE_KEY")
    with pytest.raises(DownloadError, match=r"set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY.*settings"):
        fetch(source(CSV), tmp_path, retry=AT_ONCE)
    assert kaggle.requests == 0


def test_the_error_of_a_refused_key_does_not_show_it(kaggle: WebServer, tmp_path: Path) -> None:
    """The message has the status of the response but not the key."""
    kaggle.answers = [Answer(status=403)]
    with pytest.raises(DownloadError, match="403") as error:
        fetch(source(CSV), tmp_path, retry=AT_ONCE)
    assert "k3y" not in str(error.value)


def test_other_content_is_refused_and_not_cached(kaggle: WebServer, tmp_path: Path) -> None:
    """The checksum is the checksum of the file itself, also in an archive."""
    kaggle.answers = [Answer(body=zip_archive(Telco=b"a,b\n9,9\n"))]
    with pytest.raises(DownloadError, match="not the file that the config names"):
        fetch(source(CSV), tmp_path, retry=AT_ONCE)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_of_several_files_is_refused(kaggle: WebServer, tmp_path: Path) -> None:
    """With several files only the user can choose."""
    kaggle.answers = [Answer(body=zip_archive(one=CSV, two=CSV))]
    with pytest.raises(DownloadError, match="expected exactly one CSV file"):
        fetch(source(CSV), tmp_path, retry=AT_ONCE)


@pytest.mark.parametrize("address", ["kaggle://owner/file.csv", "kaggle://a/b/", "kaggle://a/b/c.csv?x=1"])
def test_another_form_is_refused(address: str) -> None:
    """The message shows the form of an address."""
    with pytest.raises(DownloadError, match=r"kaggle://owner/dataset/file\.csv"):
        kaggle_download(address, {"KAGGLE_API_TOKEN": "x"})


def test_the_default_server_is_kaggle() -> None:
    """Only the environment can name another server."""
    csv_source = kaggle_download("kaggle://a/b/c.csv", {"KAGGLE_API_TOKEN": "x"})
    assert csv_source.url == f"{API}/datasets/download/a/b/c.csv"


def test_the_key_is_not_sent_to_another_host(kaggle: WebServer, tmp_path: Path) -> None:
    """Kaggle's API redirects to a store on another host, which gets no key."""
    elsewhere = kaggle.url.replace("127.0.0.1", "localhost")
    kaggle.answers = [Answer(status=302, location=f"{elsewhere}/store/Telco.csv"), Answer(body=CSV)]
    fetch(source(CSV), tmp_path, retry=AT_ONCE)
    assert kaggle.received[0][1] is not None
    assert kaggle.received[1] == ("/store/Telco.csv", None)
