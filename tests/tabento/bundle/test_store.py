"""Bundles are found by tag, verified, and read."""

from __future__ import annotations

import json
from pathlib import Path

import bentoml
import pytest
from bentoml._internal.configuration.containers import BentoMLContainer

from tabento.bundle.__main__ import main
from tabento.bundle.contract import Identifier
from tabento.bundle.errors import BundleFormatError, BundleNotFoundError
from tabento.bundle.format import BENTOML_MODULE, CONTRACT_FILE, EXAMPLES_FILE, MANIFEST_FILE, REFERENCE_FILE
from tabento.bundle.manifest import verify_manifest, write_manifest
from tabento.bundle.store import find_folder, load_bundle, read_bundle, store_folder
from tests.bundles import TREE, classifier_contract, orchard_contract, reference_of, write_bundle
from tests.conftest import bentoml_home


def test_a_bundle_is_read(tmp_path: Path) -> None:
    """One folder contains everything that serving reads."""
    bundle = read_bundle(write_bundle(tmp_path / "b"), "orchard:v1")
    assert (bundle.name, bundle.version, bundle.contract) == ("orchard", "v1", orchard_contract())
    assert bundle.examples[0] == TREE
    assert bundle.model_path.is_file()
    assert bundle.card == "# Orchard\n"


def _reseal(folder: Path, name: str, content: str, sealed_name: str = "orchard") -> Path:
    provenance = verify_manifest(folder).provenance
    (folder / name).write_text(content, encoding="utf-8")
    write_manifest(folder, sealed_name, provenance)
    return folder


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (CONTRACT_FILE, "{}", "a file of the bundle orchard:v1 is malformed"),
        (CONTRACT_FILE, "{", "is malformed"),
        (EXAMPLES_FILE, "[]", "a list of at least one row"),
        (EXAMPLES_FILE, json.dumps([1]), "a list of at least one row"),
    ],
)
def test_a_sealed_but_malformed_bundle_is_refused(tmp_path: Path, file: str, content: str, message: str) -> None:
    """A sealed bundle with malformed files is refused: the seal shows only that the files are unchanged."""
    folder = _reseal(write_bundle(tmp_path / "b"), file, content)
    with pytest.raises(BundleFormatError, match=message):
        read_bundle(folder, "orchard:v1")


def test_a_classifiers_bundle_is_read(tmp_path: Path) -> None:
    """With the labels as they are answered, and how they were distributed."""
    contract = classifier_contract((False, True))
    bundle = read_bundle(write_bundle(tmp_path / "b", contract), "harvest:v1")
    assert bundle.contract.output.classes == (False, True)
    assert bundle.reference == reference_of(contract)


def test_a_reference_of_other_answers_is_refused(tmp_path: Path) -> None:
    """Drift of labels cannot be measured against numbers: found when the bundle is read."""
    folder = _reseal(
        write_bundle(tmp_path / "b"), REFERENCE_FILE, reference_of(classifier_contract()).model_dump_json()
    )
    with pytest.raises(
        BundleFormatError, match=r"reference\.json of the bundle orchard:v1 is wrong: .*describes labels"
    ):
        read_bundle(folder, "orchard:v1")


def test_names_must_agree(tmp_path: Path) -> None:
    """A bundle under another model's tag is not that model."""
    with pytest.raises(BundleFormatError, match="names disagree"):
        read_bundle(write_bundle(tmp_path / "b"), "pear:v1")


def test_the_latest_bundle_is_found(session_store: Path, linear_bundle: str) -> None:
    """The newest bundle is the default, and a version selects the bundle with that tag."""
    with bentoml_home(session_store):
        assert load_bundle(linear_bundle).tag == linear_bundle


@pytest.mark.parametrize("tag", ["pear", "pear:latest", "pear:v9"])
def test_a_missing_bundle_is_an_error_with_a_remedy(model_store: Path, tag: str) -> None:
    """The error about a missing bundle names the command that makes it."""
    with pytest.raises(BundleNotFoundError, match="Make it with `make train MODEL=pear`"):
        load_bundle(tag)


def test_another_kind_of_model_is_refused(model_store: Path) -> None:
    """A model of another kind that is stored under the name is not read as a bundle."""
    with bentoml.models.create("pear", module="pickles"):
        pass
    with pytest.raises(BundleNotFoundError, match="is not a bundle"):
        load_bundle("pear")


def test_the_command_prints_the_exact_tag(
    session_store: Path, linear_bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m tabento.bundle`` turns a name into a tag with its version."""
    with bentoml_home(session_store):
        assert main([linear_bundle]) == 0
    assert capsys.readouterr().out == f"{linear_bundle}\n"


def test_the_command_fails_with_a_message(model_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing on stdout, the reason on stderr, exit code 1."""
    assert main(["pear"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "make train MODEL=pear" in captured.err


def test_bundles_are_listed_under_our_name(session_store: Path, linear_bundle: str) -> None:
    """``bentoml models list`` shows which models are bundles."""
    with bentoml_home(session_store):
        assert bentoml.models.get(linear_bundle).info.module == BENTOML_MODULE


def test_a_bundle_with_later_keys_says_so_in_its_manifest(tmp_path: Path) -> None:
    """A service that reads the first format only refuses it by its number, and a wrong number is found out."""
    contract = orchard_contract().model_copy(update={"identifiers": (Identifier(name="user_id"),)})
    folder = write_bundle(tmp_path / "b", contract)
    assert verify_manifest(folder).format_version == 2
    assert read_bundle(folder, "orchard:v1").contract == contract
    write_manifest(folder, "orchard", verify_manifest(folder).provenance)
    with pytest.raises(BundleFormatError, match="has keys of format 2, but the manifest has format 1"):
        read_bundle(folder, "orchard:v1")


def test_store_folder_is_bentomls(model_store: Path) -> None:
    """Without asking BentoML the folder is known in which it keeps models."""
    assert str(store_folder()) == BentoMLContainer.model_store_dir.get()


def test_bundle_is_found_by_its_fingerprint(model_store: Path) -> None:
    """The newest bundle with the fingerprint is found; bundles without a manifest or a name are skipped."""
    assert find_folder("orchard", "a" * 64) is None
    with bentoml.models.create("orchard:broken", module=BENTOML_MODULE) as stored:
        (Path(stored.path) / MANIFEST_FILE).write_text("{", encoding="utf-8")
    for version, fingerprint, year in (
        ("one", "a", 2025),
        ("two", "a", 2026),
        ("three", "a", 2024),
        ("four", "b", 2027),
    ):
        with bentoml.models.create(f"orchard:{version}", module=BENTOML_MODULE) as stored:
            timestamp = f"{year}-01-01T00:00:00Z"
            write_bundle(Path(stored.path), fingerprint=fingerprint * 64, trained_at=timestamp)
    folder = find_folder("orchard", "a" * 64)
    assert folder == store_folder() / "orchard" / "two"
    assert read_bundle(folder, "orchard:two").tag == load_bundle("orchard:two").tag
    assert find_folder("orchard", "c" * 64) is None
    assert find_folder("pear", "a" * 64) is None


def test_folder_that_bentoml_does_not_list_is_not_found(model_store: Path) -> None:
    """A bundle's files alone, without BentoML's description, cannot be served and are passed over."""
    write_bundle(store_folder() / "orchard" / "one", fingerprint="a" * 64)
    assert find_folder("orchard", "a" * 64) is None
