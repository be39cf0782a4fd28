"""A version's files: the bundle goes to the registry's artifacts as it is in the store, and comes back verified."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import bentoml.models
from bentoml.exceptions import BentoMLException

from bundle.format import BENTOML_MODULE
from bundle.manifest import BENTOML_FILE, Provenance
from bundle.store import Bundle, load_bundle, read_bundle
from training.errors import SaveError
from training.save import DATA_LABEL, FINGERPRINT_LABEL, PIPELINE_LABEL, is_stored, remove
from training.tracking import Connection
from training.tracking.model_files import BUNDLE_FOLDER, write_model


def artifact_path(bundle_tag: str) -> str:
    """Return where a bundle lies among the artifacts of its run; runs of equal content may register several."""
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
        connection: the registry's.
        run_id: the run that has it.
        place: its path among the run's artifacts.
        tag: its tag in the model store, where it must not be yet.

    Raises:
        TrackingError: the artifacts cannot be read.
        BundleError: what came is not the bundle that was registered, or is damaged.
        SaveError: the store cannot be written; nothing remains of it.
    """
    with tempfile.TemporaryDirectory() as folder:
        fetched = connection.call(
            f"fetch the bundle {tag}",
            lambda client: client.download_artifacts(run_id, f"{place}/{BUNDLE_FOLDER}", folder),
        )
        return _store(read_bundle(Path(fetched), tag))


def _store(fetched: Bundle) -> Bundle:
    """Copy a verified bundle into the model store, with the labels that training gives."""
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
    return {
        "metrics": bundle.metrics,
        "rows": provenance.rows,
        "data_sha256": provenance.data_sha256,
        "format_version": bundle.manifest.format_version,
    }
