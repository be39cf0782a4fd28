"""The files of a version: the upload of a bundle to the registry's artifacts and the verified download."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import bentoml.models
from bentoml.exceptions import BentoMLException

from tabento.bundle.format import BENTOML_MODULE, IMPORTANCES_FILE
from tabento.bundle.manifest import BENTOML_FILE, Provenance
from tabento.bundle.store import Bundle, load_bundle, read_bundle
from tabento.errors import SaveError
from tabento.packaging.save import DATA_LABEL, FINGERPRINT_LABEL, PIPELINE_LABEL, is_stored, remove
from training.registry.tracking import Connection
from training.registry.tracking.model_files import BUNDLE_FOLDER, write_model


def artifact_path(bundle_tag: str) -> str:
    """Return the path of a bundle among the artifacts of its run. A run can register several bundles of equal content."""
    return f"models/{bundle_tag.partition(':')[2]}"


def upload(connection: Connection, run_id: str, bundle: Bundle) -> str:
    """Record a bundle with its signature and examples under a run, and return its path among the run's artifacts.

    Raises:
        TrackingError: the artifacts cannot be written.
    """
    place = artifact_path(bundle.tag)
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder), bundle.path, bundle.contract, bundle.examples, run_id)
        connection.call(
            f"record the bundle {bundle.tag}", lambda client: client.log_artifacts(run_id, folder, artifact_path=place)
        )
    return place


def download(connection: Connection, run_id: str, place: str, tag: str) -> Bundle:
    """Fetch a bundle from a run's artifacts into the BentoML model store, and verify it before and after.

    Args:
        connection: the connection to the registry.
        run_id: the run with the artifacts.
        place: the bundle's path among the run's artifacts.
        tag: the bundle's tag, which the model store must not have yet.

    Raises:
        TrackingError: the artifacts cannot be read.
        BundleError: the downloaded files are not the registered bundle, or are damaged.
        SaveError: the store cannot be written; no part of the bundle remains.
    """
    with tempfile.TemporaryDirectory() as folder:
        fetched = connection.call(
            f"fetch the bundle {tag}",
            lambda client: client.download_artifacts(run_id, f"{place}/{BUNDLE_FOLDER}", folder),
        )
        return _store(read_bundle(Path(fetched), tag))


def _store(fetched: Bundle) -> Bundle:
    """Copy a verified bundle into the model store, with the labels that training writes."""
    if is_stored(fetched.tag):
        raise SaveError(
            f"{fetched.tag} is in the model store already, but damaged. Remove it with"
            f" `bentoml models delete {fetched.tag}` and try again."
        )
    provenance = fetched.manifest.provenance
    try:
        with bentoml.models.create(
            fetched.tag, module=BENTOML_MODULE, labels=_labels(provenance), metadata=_metadata(fetched)
        ) as model:
            shutil.copytree(fetched.path, model.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(BENTOML_FILE))
        return load_bundle(fetched.tag)
    except BaseException as error:
        remove(fetched.tag)
        if isinstance(error, BentoMLException | OSError):
            raise SaveError(
                f"{fetched.tag} could not be stored: {error}. Look whether the folder of the BentoML model store"
                " (BENTOML_HOME, by default ~/bentoml) can be written and has room."
            ) from error
        raise


def _labels(provenance: Provenance) -> dict[str, str]:
    labels = {FINGERPRINT_LABEL: provenance.fingerprint, DATA_LABEL: provenance.data}
    return labels if provenance.pipeline_tag is None else labels | {PIPELINE_LABEL: provenance.pipeline_tag}


def _metadata(bundle: Bundle) -> dict[str, object]:
    provenance = bundle.manifest.provenance
    importances = bundle.path / IMPORTANCES_FILE
    return {
        **({"importances": json.loads(importances.read_bytes())} if importances.is_file() else {}),
        "metrics": bundle.metrics,
        "rows": provenance.rows,
        "data_sha256": provenance.data_sha256,
        "format_version": bundle.manifest.format_version,
    }
