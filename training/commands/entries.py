"""The list of all commands: where each is, and its line in the help."""

from __future__ import annotations

from tabento.command_line import export, keys, sign
from tabento.command_line.groups import CommandEntry

_BEGIN, _TRAIN, _MODELS, _SERVE, _MONITOR = "Begin", "Train", "Models", "Serve", "Monitor"
INIT = CommandEntry("init", "training.commands.init.command", "Write a config for a table of your own.", _BEGIN)
DATA = CommandEntry("data", "training.commands.data", "Fetch and check the data only.", _BEGIN)
TRAIN = CommandEntry("train", "training.commands.train", "Train, check and store a model.", _TRAIN)
ENSURE = CommandEntry(
    "ensure", "training.commands.ensure", "Train only if the model is not stored; print its tag alone.", _TRAIN
)
RECORD = CommandEntry(
    "record", "training.commands.record", "Enter into MLflow what `ensure --record-later` has stored.", _TRAIN
)
EVALUATE = CommandEntry(
    "evaluate", "training.commands.evaluate", "Cross-validate repeatedly over all rows, with intervals.", _TRAIN
)
RETRAIN = CommandEntry(
    "retrain", "training.commands.retrain", "Look for drift, train on new data, make a challenger.", _TRAIN
)
IMPORT = CommandEntry(
    "import", "training.commands.import_pipeline", "Export, check and store a pipeline fitted elsewhere.", _MODELS
)
MODELS = CommandEntry(
    "models", "training.commands.models", "List, compare, promote and roll back registered models.", _MODELS
)
SERVE = CommandEntry("serve", "training.commands.serve", "Serve a stored model, or that of a config.", _SERVE)
BENTO = CommandEntry("bento", "training.commands.bento", "Build a Bento that holds a stored model.", _SERVE)
ROLLOUT = CommandEntry(
    "rollout", "rollout.commands.rollout", "Try a version beside the present one, promote it or go back.", _SERVE
)
CAPACITY = CommandEntry(
    "capacity", "benchmarks.capacity.command", "Measure this machine and answer how many replicas a load needs.", _SERVE
)
SCORE = CommandEntry("score", "serving.commands.score", "Answer the rows of a file with a stored model.", _SERVE)
LOG = CommandEntry(
    "log", "monitoring.commands.log", "Read, check and convert the prediction log of a service.", _MONITOR
)
DRIFT = CommandEntry(
    "drift", "monitoring.commands.drift", "Show the drift of running services or of logged rows.", _MONITOR
)
FEEDBACK = CommandEntry(
    "feedback", "monitoring.commands.feedback", "Send true values to a service, list stored ones.", _MONITOR
)
QUALITY = CommandEntry("quality", "monitoring.commands.quality", "Show the live quality of a service.", _MONITOR)
ENTRIES = (
    *(INIT, DATA, TRAIN, ENSURE, RECORD, EVALUATE, RETRAIN, IMPORT, MODELS, SERVE, BENTO, ROLLOUT, CAPACITY, SCORE),
    *(LOG, DRIFT, FEEDBACK, QUALITY),
    *(export.ENTRY, keys.ENTRY, sign.ENTRY),
)
"""All commands in the order of the help."""
EXAMPLES = """examples:
  python -m training init rows.csv --target COLUMN
  python -m training train --config configs/NAME.yaml
  python -m training train --config configs/NAME.yaml --data rows.csv --json result.json
  python -m training train --config configs/NAME.yaml --set estimator.params.max_iter=200
  python -m training train --config configs/NAME.yaml --steps all
  python -m training train --config configs/NAME.yaml --steps from:sweep
  TAG=$(python -m training ensure --config configs/NAME.yaml)
  python -m training data --config configs/NAME.yaml --no-download
  python -m training import --pipeline model.skops --sample rows.csv --config NAME.yaml

Folders and switches can come from the environment as well, as in
TABENTO_TRAINING_RUNS_FOLDER=runs; the command line wins.
"""
"""Commands that can be copied, at the end of the help."""
