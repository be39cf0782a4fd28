"""Loading: what a file is, what it needs, and that nothing hostile runs."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
import pytest
import skops
import skops.io
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tabento.adopt import load
from tabento.adopt.errors import AdoptionError
from tabento.adopt.load import kind_of, load_pipeline
from tests.tabento.adopt.makers import save_joblib, save_skops, small_pipeline

ROOT = Path(__file__).parents[3]
MODULE = "a_module_of_steps"


class Marker:
    """A pickle of this makes a file, as a hostile one would run a program."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def module_of_steps(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module with a step of somebody's own, importable while the test runs."""
    module = ModuleType(MODULE)
    source = (
        "from sklearn.preprocessing import StandardScaler\n"
        "class Own(StandardScaler):\n"
        "    '''A step of somebody's own.'''\n"
    )
    exec(compile(source, MODULE, "exec"), module.__dict__)  # noqa: S102 - code of the test
    monkeypatch.setitem(sys.modules, MODULE, module)
    return module


def own_pipeline(module: ModuleType) -> Any:
    """A pipeline with a step of somebody's own."""
    fitted = small_pipeline()
    return make_pipeline(module.Own(), Ridge()).fit(*_table(fitted))


def _table(fitted: Any) -> tuple[Any, Any]:
    import pandas as pd

    frame = pd.DataFrame(np.random.default_rng(1).normal(size=(20, 2)), columns=list(fitted.feature_names_in_))
    return frame, frame.sum(axis=1)


def rewritten(path: Path, target: Path, **changes: Any) -> Path:
    """Copy a skops file with keys of its schema changed; a value of None takes the key away."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "schema.json":
                schema = {**json.loads(content), **changes}
                content = json.dumps({key: value for key, value in schema.items() if value is not None}).encode()
            copy.writestr(name, content)
    return target


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04rest", "skops"),
        (pickle.dumps({}), "pickle"),
        (gzip.compress(pickle.dumps({}), mtime=0), "pickle"),
        (b"\x78\x9cx", "pickle"),
        (b"BZh9", "pickle"),
    ],
)
def test_kind_is_read_off_the_content(content: bytes, kind: str) -> None:
    """The first bytes say what a file is."""
    assert kind_of(content, "file") == kind


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x89HDF\r\n\x1a\n", b"\x80\x99"])
def test_what_is_no_pipeline_file_is_refused(content: bytes, tmp_path: Path) -> None:
    """An empty file, a table and a foreign format are told apart from pipelines."""
    (tmp_path / "model.skops").write_bytes(content)
    with pytest.raises(AdoptionError, match=r"model\.skops is (empty|neither)"):
        load_pipeline(tmp_path / "model.skops")


def test_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that leads nowhere, a folder, a pipe that nobody fills, and more than memory holds."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AdoptionError, match="is not a file"):
        load_pipeline(tmp_path / "pipe")
    monkeypatch.setattr(load, "FILE_BYTES_MAX", 100)
    with pytest.raises(AdoptionError, match="up to 100 are read"):
        load_pipeline(save_skops(small_pipeline(), tmp_path / "large"))
    with pytest.raises(AdoptionError, match="there is no file"):
        load_pipeline(tmp_path / "nowhere")
    with pytest.raises(AdoptionError, match="cannot be read"):
        load_pipeline(tmp_path)


def test_skops_file_is_loaded_whatever_its_name(tmp_path: Path) -> None:
    """A file of known types needs no consent, and its suffix says nothing."""
    path = save_skops(small_pipeline(), tmp_path / "model.pkl")
    loaded = load_pipeline(path)
    assert (loaded.kind, loaded.source, loaded.remarks) == ("skops", "model.pkl", ())
    frame, _ = _table(loaded.pipeline)
    np.testing.assert_array_equal(loaded.pipeline.predict(frame), small_pipeline().predict(frame))


def test_joblib_file_needs_consent(tmp_path: Path) -> None:
    """Without the flag the danger is explained; with it the pipeline is there and the consent is on record."""
    path = save_joblib(small_pipeline(), tmp_path / "model.skops")
    with pytest.raises(AdoptionError, match=r"can run any program[\s\S]*skops\.io\.dump[\s\S]*--i-trust-this-file"):
        load_pipeline(path)
    loaded = load_pipeline(path, trust_pickle=True)
    assert loaded.kind == "pickle"
    assert "you said that you trust it" in loaded.remarks[0]


@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_compressed_joblib_files_are_recognised(compress: Any, tmp_path: Path) -> None:
    """Each compression that joblib writes with Python alone is known as a pickle and can be opened."""
    joblib.dump(small_pipeline(), tmp_path / "model", compress=compress)
    with pytest.raises(AdoptionError, match="--i-trust-this-file"):
        load_pipeline(tmp_path / "model")
    assert load_pipeline(tmp_path / "model", trust_pickle=True).kind == "pickle"


@pytest.mark.parametrize("writer", [pickle.dumps, lambda value: gzip.compress(pickle.dumps(value))])
def test_hostile_pickle_does_not_run(writer: Any, tmp_path: Path) -> None:
    """What a pickle would do does not happen without consent. (With it, it does: that is what the flag says.)"""
    marker, path = tmp_path / "marker", tmp_path / "model.joblib"
    path.write_bytes(writer(Marker(marker)))
    with pytest.raises(AdoptionError, match="was not opened"):
        load_pipeline(path)
    assert not marker.exists()
    load_pipeline(path, trust_pickle=True)
    assert marker.exists()


def test_hostile_pickle_inside_a_zip_does_not_run(tmp_path: Path) -> None:
    """An array of objects in a skops file, which NumPy would unpickle, is not."""
    marker, path = tmp_path / "marker", tmp_path / "model.skops"
    original = save_skops(small_pipeline(), tmp_path / "good.skops")
    buffer = io.BytesIO()
    np.save(buffer, np.array([Marker(marker)], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(original) as archive, zipfile.ZipFile(path, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, buffer.getvalue() if name.endswith(".npy") else archive.read(name))
    with pytest.raises(AdoptionError, match=r"model\.skops is damaged"):
        load_pipeline(path)
    assert not marker.exists()


def test_types_that_skops_does_not_know_are_listed(tmp_path: Path, module_of_steps: ModuleType) -> None:
    """The error names each type with its description and the option that trusts it; nothing is created before."""
    path = save_skops(own_pipeline(module_of_steps), tmp_path / "model.skops")
    with pytest.raises(AdoptionError) as error:
        load_pipeline(path)
    assert f"{MODULE}.Own: not part of a known library" in str(error.value)
    assert f"--trust {MODULE}.Own" in str(error.value)
    assert "nothing was loaded" in str(error.value)
    loaded = load_pipeline(path, trust=[f"{MODULE}.Own", "other.Step"])
    assert type(loaded.pipeline[0]) is module_of_steps.Own
    assert loaded.remarks == (
        f"trusted because you said so: {MODULE}.Own",
        "--trust other.Step was not needed: the file creates no such type, or it is harmless",
    )


def test_function_from_the_operating_system_is_not_called(tmp_path: Path) -> None:
    """A skops file that names a dangerous function is refused like any unknown type."""
    fitted = make_pipeline(FunctionTransformer(os.getcwd), Ridge())
    path = save_skops(fitted, tmp_path / "model.skops")
    with pytest.raises(AdoptionError, match="getcwd"):
        load_pipeline(path)


def test_trees_come_with_the_reason(tmp_path: Path) -> None:
    """For a type with a known weakness the refusal says which."""
    from sklearn.tree import DecisionTreeRegressor

    frame, target = _table(small_pipeline())
    path = save_skops(DecisionTreeRegressor(max_depth=2).fit(frame, target), tmp_path / "model.skops")
    with pytest.raises(AdoptionError, match="crafted file can crash the process"):
        load_pipeline(path)


def test_trust_takes_names_only(tmp_path: Path) -> None:
    """A pattern trusts nothing; it is refused, not ignored."""
    path = save_skops(small_pipeline(), tmp_path / "model.skops")
    with pytest.raises(AdoptionError, match="is not the name of a type"):
        load_pipeline(path, trust=["sklearn.*"])


@pytest.mark.parametrize("save", [save_skops, save_joblib])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_truncated_file_is_told(save: Any, share: float, tmp_path: Path) -> None:
    """Wherever a file is cut, the message says that it is damaged."""
    path = save(small_pipeline(), tmp_path / "model")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(AdoptionError, match="is damaged or incomplete"):
        load_pipeline(path, trust_pickle=True)


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bits_in_a_skops_file_are_found(seed: int, tmp_path: Path) -> None:
    """A bit that flips is found by the archive's checksums, or changes nothing that is read."""
    path = save_skops(small_pipeline(), tmp_path / "model")
    content = bytearray(path.read_bytes())
    generator = np.random.default_rng(seed)
    content[int(generator.integers(4, len(content)))] ^= 1 << int(generator.integers(8))
    path.write_bytes(bytes(content))
    frame, _ = _table(small_pipeline())
    try:
        loaded = load_pipeline(path)
    except AdoptionError:
        return
    np.testing.assert_array_equal(loaded.pipeline.predict(frame), small_pipeline().predict(frame))


def test_flipped_bits_in_a_joblib_file_end_in_words(tmp_path: Path) -> None:
    """A pickle has no checksum: it loads or is refused in words, but no other exception comes out.

    A process of its own does it, with bounded memory: a wrong number in a pickle may ask for any amount.
    """
    path = save_joblib(small_pipeline(), tmp_path / "model")
    program = f"""
import resource, warnings
from pathlib import Path
import numpy as np
from tabento.adopt.errors import AdoptionError
from tabento.adopt.load import load_pipeline
warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
path = Path({str(path)!r})
good, generator, refused = path.read_bytes(), np.random.default_rng(0), 0
load_pipeline(path, trust_pickle=True)
for _ in range(60):
    content = bytearray(good)
    content[int(generator.integers(2, 400))] ^= 1 << int(generator.integers(8))  # the opcodes, before the arrays
    path.write_bytes(content)
    try:
        load_pipeline(path, trust_pickle=True)
    except AdoptionError as error:
        assert "model" in str(error)
        refused += 1
print(refused)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) > 30


def test_missing_module_is_named(tmp_path: Path, module_of_steps: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step whose module is not there is named, with where to put it, for both kinds of file."""
    pipeline = own_pipeline(module_of_steps)
    packed, pickled = save_skops(pipeline, tmp_path / "a"), save_joblib(pipeline, tmp_path / "b")
    monkeypatch.delitem(sys.modules, MODULE)
    with pytest.raises(AdoptionError, match=rf"needs the module '{MODULE}'[\s\S]*PYTHONPATH"):
        load_pipeline(packed, trust=[f"{MODULE}.Own"])
    with pytest.raises(AdoptionError, match=rf"needs the module '{MODULE}'[\s\S]*PYTHONPATH"):
        load_pipeline(pickled, trust_pickle=True)


def test_missing_class_is_named(tmp_path: Path, module_of_steps: ModuleType) -> None:
    """A class that its module does not have (any more) is named."""
    path = save_joblib(own_pipeline(module_of_steps), tmp_path / "model")
    del module_of_steps.Own
    with pytest.raises(AdoptionError, match=r"'Own'[\s\S]*importable here"):
        load_pipeline(path, trust_pickle=True)


def test_other_version_of_scikit_learn_is_told_once(tmp_path: Path) -> None:
    """A pipeline of another version loads, and one remark names both versions, however many steps it has."""
    import sklearn

    content = pickle.dumps(small_pipeline())
    (tmp_path / "model").write_bytes(
        content.replace(sklearn.__version__.encode(), b"1.0.2"[: len(sklearn.__version__)])
    )
    remarks = load_pipeline(tmp_path / "model", trust_pickle=True).remarks
    version_remarks = [remark for remark in remarks if "fitted with scikit-learn 1.0.2" in remark]
    assert len(version_remarks) == 1
    assert sklearn.__version__ in version_remarks[0]


def test_other_version_of_skops_is_told(tmp_path: Path) -> None:
    """The version that wrote a skops file stands in its schema."""
    path = save_skops(small_pipeline(), tmp_path / "model")
    loaded = load_pipeline(rewritten(path, tmp_path / "old", _skops_version="0.12"))
    assert loaded.remarks == (f"written with skops 0.12, read with {skops.__version__}",)


def test_schema_that_describes_nothing_is_refused(tmp_path: Path) -> None:
    """A schema without the keys of skops, and one with a protocol of the future."""
    path = save_skops(small_pipeline(), tmp_path / "model")
    with pytest.raises(AdoptionError, match="does not describe an object"):
        load_pipeline(rewritten(path, tmp_path / "bare", __loader__=None))
    with pytest.raises(AdoptionError):
        load_pipeline(rewritten(path, tmp_path / "strange", __loader__="NodeOfTheFuture"))


def test_own_steps_need_no_trust(tmp_path: Path) -> None:
    """Tabento's own transformers are installed here already, so they may be created."""
    import pandas as pd

    from tabento.transformers.ratios import Ratios

    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [2.0, 5.0, 4.0]})
    pipeline = make_pipeline(Ratios([(0, 1)], ["a_per_b"]), Ridge()).fit(frame, [1.0, 2.0, 3.0])
    loaded = load_pipeline(save_skops(pipeline, tmp_path / "model"))
    np.testing.assert_array_equal(loaded.pipeline.predict(frame), pipeline.predict(frame))


def test_checksum_is_that_of_the_file(tmp_path: Path) -> None:
    """The file is named by its sha256, so that it can be found again."""
    import hashlib

    path = save_skops(small_pipeline(), tmp_path / "model")
    assert load_pipeline(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
