"""The version that a file was fitted with: read from its bytes, named first in every refusal."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
import skops.io
from sklearn.ensemble import RandomForestRegressor

from tabento.adopt.errors import AdoptionError
from tabento.adopt.load import load_pipeline
from tabento.adopt.versions.fitted_version import FittedVersion, versions_in_pickle, versions_in_skops
from tests.tabento.adopt.makers import small_pipeline

INSTALLED = sklearn.__version__
OTHER = "1.7.2"


def pickled(*, version: str = OTHER, protocol: int = 4) -> bytes:
    """A pickle of a small pipeline that says another version."""
    content = pickle.dumps(small_pipeline(), protocol=protocol)
    return content.replace(INSTALLED.encode(), version.encode())


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_version_is_read_from_a_pickle_of_each_protocol(protocol: int) -> None:
    """Old protocols remember texts otherwise than new ones."""
    fitted_version = versions_in_pickle(pickled(protocol=protocol))
    assert (fitted_version.versions, fitted_version.installed, fitted_version.differs) == ((OTHER,), INSTALLED, True)


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress, bz2.compress, lzma.compress])
def test_version_is_read_from_a_compressed_pickle(compress: Callable[[bytes], bytes]) -> None:
    """Whatever joblib compresses with."""
    assert versions_in_pickle(compress(pickled())).versions == (OTHER,)


def test_version_is_found_between_the_arrays_of_joblib() -> None:
    """joblib writes arrays as they are between the pickle's instructions, which no reader of instructions can pass."""
    generator = np.random.default_rng(0)
    forest = RandomForestRegressor(3).fit(generator.normal(size=(2000, 4)), generator.normal(size=2000))
    buffer = io.BytesIO()
    joblib.dump(forest, buffer)
    assert versions_in_pickle(buffer.getvalue()).versions == (INSTALLED,)


def test_version_across_two_pieces_is_found() -> None:
    """A file is searched piece by piece; the text may lie across two."""
    for padding in range((1 << 20) - 600, (1 << 20) - 300, 7):
        assert versions_in_pickle(b"\x80\x04" + b"." * padding + pickled()).versions == (OTHER,)


def test_two_versions_are_both_named() -> None:
    """Steps of one pipeline may come from two versions."""
    content = pickled() + pickled(version="1.6.1")
    fitted_version = versions_in_pickle(content)
    assert fitted_version.versions == (OTHER, "1.6.1")
    assert "scikit-learn 1.7.2 and 1.6.1" in fitted_version.words("model.joblib")


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({}),
        b"\x80\x04_sklearn_version",
        b"\x80\x04_sklearn_version\x8c\xff1.7.2",
        pickle.dumps({"_sklearn_version": "1.7.2; rm"}),
        pickle.dumps({"_sklearn_version": "x" * 5000}),
        gzip.compress(pickled())[:40],
    ],
)
def test_file_without_a_version_names_none(content: bytes) -> None:
    """Text that is not a version is neither printed nor sent to a package index."""
    fitted_version = versions_in_pickle(content)
    assert (fitted_version.versions, fitted_version.version, fitted_version.differs, fitted_version.words("x")) == (
        (),
        None,
        False,
        "",
    )


def test_version_is_read_from_a_skops_file() -> None:
    """It stands in the description as JSON."""
    with zipfile.ZipFile(io.BytesIO(skops_file(OTHER))) as archive:
        assert versions_in_skops(archive).versions == (OTHER,)


@pytest.mark.parametrize("schema", [b"", b"{", b"[" * 100_000, b'{"_sklearn_version": {"content": 3}}', b"[[1], null]"])
def test_odd_descriptions_name_no_version(schema: bytes) -> None:
    """A description that is not one names none; that it is none is told by whoever loads it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", schema)
    with zipfile.ZipFile(buffer) as archive:
        assert versions_in_skops(archive).versions == ()


def test_version_that_differs_wins() -> None:
    """A pipeline with one step of another version is one of another version."""
    assert FittedVersion((INSTALLED, OTHER), INSTALLED).version == OTHER
    assert FittedVersion((INSTALLED,), INSTALLED).version == INSTALLED


def test_refusal_begins_with_the_version(tmp_path: Path) -> None:
    """Whatever is refused: the version comes first, before consent as well."""
    (tmp_path / "model.joblib").write_bytes(pickled())
    with pytest.raises(
        AdoptionError, match=rf"^model\.joblib was fitted with scikit-learn 1\.7\.2; .* {INSTALLED}: .*i-trust"
    ):
        load_pipeline(tmp_path / "model.joblib")


def test_unknown_name_of_scikit_learn_is_told_without_false_advice(tmp_path: Path) -> None:
    """A class that scikit-learn no longer has is not the user's own, and the file is not damaged."""
    content = pickled(protocol=2).replace(
        b"sklearn.preprocessing._data\nStandardScaler", b"sklearn.preprocessing._data\nOldOldScaler_x"
    )
    (tmp_path / "model.joblib").write_bytes(content)
    with pytest.raises(AdoptionError, match=r"needs sklearn\.preprocessing\._data\.OldOldScaler_x, which") as error:
        load_pipeline(tmp_path / "model.joblib", trust_pickle=True)
    assert "damaged" not in str(error.value)
    assert "PYTHONPATH" not in str(error.value)


def test_loaded_pipeline_tells_its_version_once(tmp_path: Path) -> None:
    """The version is one remark, not one for each step, and says what to do."""
    (tmp_path / "model.joblib").write_bytes(pickled())
    loaded = load_pipeline(tmp_path / "model.joblib", trust_pickle=True)
    version_remarks = [remark for remark in loaded.remarks if "scikit-learn" in remark]
    assert len(version_remarks) == 1
    assert version_remarks[0].startswith(f"fitted with scikit-learn {OTHER}, read with {INSTALLED}")
    assert "--sklearn auto" in version_remarks[0]


def skops_file(version: str) -> bytes:
    """A skops file that says another version."""
    content = io.BytesIO(skops.io.dumps(small_pipeline()))
    copy = io.BytesIO()
    with zipfile.ZipFile(content) as archive, zipfile.ZipFile(copy, "w") as target:
        for name in archive.namelist():
            target.writestr(name, archive.read(name).replace(json.dumps(INSTALLED)[1:-1].encode(), version.encode()))
    return copy.getvalue()
