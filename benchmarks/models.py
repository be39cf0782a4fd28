"""The models of the benchmark: bundles in the BentoML model store, and requests with the answers they must get.

Three models: the shipped one (fast rows), a forest on the same data (expensive rows) and a wide table. Every server that is
compared runs the same ONNX file of each and is sent the same rows, see ``benchmarks.bodies``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.bodies import BODIES, FOLDER, BenchModel, write_requests
from benchmarks.forest import fit_forest
from benchmarks.process import ROOT, BenchmarkError
from benchmarks.wide import wide_config
from tabento.bundle.errors import BundleError
from tabento.bundle.store import Bundle, load_bundle
from tabento.errors import TabentoError
from tabento.export import export_pipeline, serialise
from tabento.packaging.examples import pick_examples
from tabento.packaging.latency import measure_latency
from tabento.packaging.read_back import check_examples
from tabento.packaging.reference import build_reference
from tabento.packaging.save import Contents, find_by_fingerprint, new_tags, save
from tabento.parity import ParityError, check_parity
from tabento.tables.faults import DataError
from tabento.tables.frames import to_frame, to_rows
from training.config import ConfigError, ModelConfig, Slo, load_config
from training.config.settings import TrainingSettings, load_settings
from training.model.metrics import regression_metrics
from training.progress import Progress, silence
from training.registry.provenance import record
from training.stages.run import prepare
from training.stages.stored_model import ensure_model

SHIPPED_CONFIG = ROOT / "configs" / "california.yaml"
FOREST_SLO = Slo(p99_ms=20.0)
"""The p99 limit of the forest, whose rows are ten times as expensive."""


def make_models(
    data: str | None, names: tuple[str, ...] | None = None, folder: Path = FOLDER, *, bodies: int = BODIES
) -> list[BenchModel]:
    """Make the models of the benchmark; a stored model of the same config, data and code is not trained again.

    Args:
        data: a CSV file, a URL or ``synthetic``, for the shipped config and the forest; None for the config's source.
        names: the models, by default all three; the shipped model has its config's name.
        folder: the folder of the requests, with a folder for each model.
        bodies: the number of requests of each kind.

    Raises:
        BenchmarkError: a name is unknown.
        ParityError: the forest's graph and its pipeline have different answers.
        ConfigError, DataError, TabentoError, BundleError: see ``training.stages.run.train``.
    """
    shipped = load_config(SHIPPED_CONFIG)
    model_names = (shipped.name, "forest", "wide")
    if unknown := sorted(set(names or ()) - set(model_names)):
        raise BenchmarkError(
            f"there is no model {', '.join(unknown)} in the benchmark; there are {', '.join(model_names)}"
        )
    settings, progress = load_settings(), Progress(out=sys.stderr)
    models = []
    for name in names or model_names:
        if name == "forest":
            config = shipped.model_copy(
                update={"name": name, "title": f"{shipped.title}, as a forest", "slo": FOREST_SLO}
            )
            tag = ensure_forest(config, data, settings, progress)
        elif name == "wide":
            config = wide_config()
            tag = ensure_model(config, "synthetic", settings, progress)
        else:
            config = shipped
            tag = ensure_model(config, data, settings, progress)
        frame = prepare(config, "synthetic" if name == "wide" else data, settings, silence()).parts.test
        models.append(write_requests(load_bundle(tag), frame, folder / name, bodies))
        progress.say(f"{tag}: requests in {folder / name}")
    return models


def ensure_forest(
    config: ModelConfig, data: str | None, settings: TrainingSettings, progress: Progress, **options: int
) -> str:
    """Return the tag of a stored forest on a config's data; fit, export and store a forest if none is stored.

    Args:
        config: names the model, its columns and its data.
        data: as for ``make_models``.
        settings: folders.
        progress: reports the steps.
        options: for ``fit_forest``.

    Raises:
        ParityError: graph and pipeline have different answers.
    """
    loaded = prepare(config, data, settings, progress)
    code = Path(fit_forest.__code__.co_filename).read_bytes() + json.dumps(options).encode()
    fingerprint = hashlib.sha256(loaded.fingerprint.encode() + code).hexdigest()
    stored = find_by_fingerprint(config.name, fingerprint)
    if stored is not None:
        return load_bundle(stored).tag
    contract, train, test = config.contract(), loaded.parts.train, loaded.parts.test
    with progress.step("Fit and export the forest"):
        pipeline = fit_forest(train, train[config.target.name].to_numpy(dtype=np.float64), contract, **options)
        model = serialise(export_pipeline(pipeline, contract))
    rows = to_rows(test, contract)
    predicted = np.asarray(pipeline.predict(to_frame(rows, contract)), dtype=np.float64)
    with progress.step("Compare graph and pipeline") as step:
        parity = check_parity(pipeline, model, contract, test)
        step.detail = f"worst relative difference {parity.worst_relative:.2g} in {parity.rows:,} rows"
    latency = measure_latency(model, rows, budget_s=settings.latency_budget_s)
    tags = new_tags(config.name)
    contents = Contents(
        model=model,
        contract=contract,
        reference=build_reference(
            config.contract(), train, pipeline.predict(to_frame(to_rows(train, contract), contract))
        ),
        examples=pick_examples(test, predicted, contract),
        latency=latency,
        metrics=regression_metrics(test[config.target.name], predicted),
        parity=parity,
        card=f"# {config.title}\n\nFor the benchmark only: a model whose rows are expensive.\n",
    )

    def check(bundle: Bundle) -> None:
        check_examples(bundle, pipeline, parity.limit)

    return save(tags, pipeline, contents, record(fingerprint, loaded.dataset, tags.pipeline), check).tag


def main() -> int:
    """Make the models."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="which models (default: all)")
    parser.add_argument("--data", help="a CSV file or URL, as for make train")
    parser.add_argument("--bodies", type=int, default=BODIES, help=f"requests of each kind (default {BODIES})")
    arguments = parser.parse_args()
    try:
        models = make_models(arguments.data, tuple(arguments.names) or None, bodies=arguments.bodies)
    except (BenchmarkError, BundleError, ConfigError, DataError, ParityError, TabentoError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    for model in models:
        sys.stdout.write(f"{model.name} {model.tag}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
