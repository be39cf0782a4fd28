"""The late record: the outcomes of stages are recorded in MLflow from their workspace, after the model is in service.

The record equals the record of a tracked run, except for its times. Each recorded stage is removed from the journal, so that
an interrupted record continues where it stopped.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from tabento.bundle.errors import BundleError
from tabento.bundle.store import load_bundle
from tabento.errors import SaveError, TabentoError
from training.config import load_config
from training.config.settings import TrainingSettings
from training.progress import Progress
from training.registry.provenance import fingerprint
from training.stages.context import Context
from training.stages.journal import read_journal, write_journal
from training.stages.recording import enter_stage
from training.stages.register import enter_version, registered_model
from training.stages.steps import Plan
from training.stages.table import QUICK_STAGES
from training.stages.unrecorded import PREFIX
from training.stages.workspace import Workspace

_REMEDY = "It is stored and can be served. `tabento record` tries the record again."


def record_late(folder: Path, settings: TrainingSettings, progress: Progress) -> bool:
    """Record the stored model whose workspace is ``folder``, make it the challenger, and remove the folder.

    Returns:
        Whether the record is complete or no longer needed. If not, a warning gives the reason.
    """
    name, version = folder.parent.name, folder.name.removeprefix(PREFIX)
    workspace = Workspace(folder)
    if not workspace.path("config/config.yaml").is_file():
        # The rest of a record that was interrupted while it removed its folder.
        shutil.rmtree(folder, ignore_errors=True)
        return True
    try:
        with workspace.locked(), progress.step(f"Record {name}:{version} in MLflow") as step:
            config = load_config(workspace.path("config/config.yaml"))
            context = Context(config, settings, progress, workspace, Plan(QUICK_STAGES, ()), record_later=True)
            step.detail = f"challenger, version {_record(context)}"
    except BundleError as error:
        progress.warn(f"{name}:{version} is not recorded, because it is no longer in the store: {error}")
    except SaveError as error:
        if not folder.is_dir():
            return True
        progress.warn(f"{name}:{version} is not recorded yet: {error}")
        return False
    except (TabentoError, OSError) as error:
        progress.warn(f"{name}:{version} is not recorded yet: {error}\n{_REMEDY}")
        return False
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()
        settings.artifacts_folder.rmdir()
    return True


def _record(context: Context) -> str:
    """Record the stages in the journal, then the version, and return its number.

    Raises:
        TrackingError, RegistryError: MLflow refuses.
        BundleError: the bundle is missing or was changed.
    """
    from training.registry.tracking import TrackingError, open_tracker

    root, config, origin = context.workspace.root, context.config, context.origin()
    bundle = load_bundle(registered_model(context).bundle)
    tracker = open_tracker(
        context.settings, config, context.progress, fingerprint=fingerprint(config, origin), workspace=root
    )
    journal = read_journal(root)
    for entry in journal:
        enter_stage(tracker, entry, context.workspace.folder(entry.stage), context)
        if tracker.run_id is None:
            break
        write_journal(root, [later for later in journal if journal.index(later) > journal.index(entry)])
    run_id = tracker.run_id
    if run_id is None:
        raise TrackingError("MLflow could not record the run; the warning above says why")
    number = enter_version(context, bundle, run_id)
    tracker.finish()
    return number
