"""The table of the stages: what each takes from the config, from other stages and from the code, and what it makes.

The runner decides by it what has to be redone, and ``dvc.yaml`` says the same to DVC; tests hold both against what the
stages really read. A path is relative to the workspace of a model, as in ``validate/train.parquet``.
"""

from __future__ import annotations

from dataclasses import dataclass

CONTRACT = ("name", "title", "description", "task", "target", "features", "identifiers", "slo")
"""The sections that a model's contract is made of."""
FITTING = (*CONTRACT, "derived", "impute", "estimator", "decision", "split", "seed")
"""The sections that every fit reads."""
EVERYTHING = (
    *FITTING,
    *("source", "synthetic", "drop", "duplicates", "studies", "selection", "sweep", "evaluation", "gate", "card"),
)
"""All sections of a config."""

RESOLVED = "validate/resolved.json"
"""What a config leaves to the data: the sections with the categories and classes that the stage ``validate`` found."""
RESOLVED_SECTIONS = ("target", "features")
"""The sections in which something may be left to the data."""

COMMON_CODE = (
    "bundle",
    "training/config",
    "training/data",
    "training/errors.py",
    "training/frames.py",
    "training/texts.py",
)
FITTING_CODE = (
    "training/cross_validation.py",
    "training/estimators.py",
    "training/imputers.py",
    "training/metric_names.py",
    "training/metrics",
    "training/pipeline.py",
    "training/refusals.py",
    "training/thresholds.py",
    "training/transformers",
)
EXPORT_CODE = (
    "training/export",
    "training/latency",
    "training/parity",
    "training/served_graph.py",
    "training/wide_rows.py",
)
DRAWING_CODE = (
    "training/study/drawing.py",
    "training/study/page.html.j2",
    "training/study/page.py",
    "training/study/sampling.py",
)
MACHINERY = (
    "training/exclusive.py",
    "training/installing.py",
    "training/progress.py",
    "training/provenance.py",
    "training/settings.py",
    "training/stages/checksums.py",
    "training/stages/context.py",
    "training/stages/files.py",
    "training/stages/outcome.py",
    "training/stages/table.py",
    "training/stages/tables.py",
    "training/stages/workspace.py",
    "training/startup_check.py",
)
"""Code that stages run through and that changes nothing of what is computed; the last looks whether it can be served."""


@dataclass(frozen=True)
class Stage:
    """One stage, as it is declared."""

    name: str
    """Also its module in ``training.stages`` and its folder in the workspace."""
    title: str
    """What it does, for people."""
    sections: tuple[str, ...]
    """The sections of the config that it reads."""
    code: tuple[str, ...]
    """The folders and files of the repository whose code it runs, besides its own module and ``MACHINERY``."""
    needs: tuple[str, ...] = ()
    """The files of other stages that it always reads."""
    may_read: tuple[str, ...] = ()
    """The files of other stages that it reads where these are part of the run, for what it tells people."""
    makes: tuple[str, ...] = ()
    """The files of its folder that others may count on; there may be more, such as plots."""
    decides: str | None = None
    """The file in which it hands on decisions, for the stages that decide."""
    takes_decisions: bool = False
    """Whether it starts from decisions: those of the deciding stage before it, or the config's own."""
    looks_outside: bool = False
    """Whether what it does depends on something outside config and workspace; its module then says so by ``identity``."""


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            name="config",
            title="Check the config and write it out with every default",
            sections=EVERYTHING,
            code=("bundle", "training/config", "training/errors.py"),
            makes=("config.yaml",),
        ),
        Stage(
            name="data",
            title="Get the data",
            sections=("name", "target", "features", "identifiers", "source", "synthetic"),
            code=COMMON_CODE,
            makes=("raw.csv", "source.json"),
            looks_outside=True,
        ),
        Stage(
            name="validate",
            title="Validate the data and set the test part aside",
            sections=("name", "task", "target", "features", "identifiers", "drop", "duplicates", "split", "synthetic"),
            code=COMMON_CODE,
            needs=("data/raw.csv", "data/source.json"),
            makes=("train.parquet", "test.parquet", "test_truth.npy", "quality.json", "resolved.json"),
        ),
        Stage(
            name="study",
            title="Study the data",
            sections=EVERYTHING,
            code=(*COMMON_CODE, "training/study", "training/plots"),
            needs=(
                *("data/source.json", RESOLVED, "validate/train.parquet", "validate/test.parquet"),
                "validate/test_truth.npy",
            ),
            makes=("report.html", "study.json"),
        ),
        Stage(
            name="features",
            title="Study imputation, clusters and columns",
            sections=(*FITTING, "studies", "selection"),
            code=(*COMMON_CODE, *FITTING_CODE, *EXPORT_CODE, "training/features", "training/study"),
            needs=(RESOLVED, "validate/train.parquet"),
            makes=("decisions.yaml", "features.json"),
            decides="decisions.yaml",
            takes_decisions=True,
        ),
        Stage(
            name="select",
            title="Select the estimator under the latency budget",
            sections=(*FITTING, "selection"),
            code=(*COMMON_CODE, *FITTING_CODE, *EXPORT_CODE, *DRAWING_CODE, "training/selection"),
            needs=(RESOLVED, "validate/train.parquet"),
            makes=("decisions.yaml", "selection.json"),
            decides="decisions.yaml",
            takes_decisions=True,
        ),
        Stage(
            name="sweep",
            title="Search for the estimator's parameters",
            sections=(*FITTING, "selection", "sweep"),
            code=(*COMMON_CODE, *FITTING_CODE, *EXPORT_CODE, *DRAWING_CODE, "training/selection", "training/sweep"),
            needs=(RESOLVED, "validate/train.parquet"),
            makes=("best_params.yaml",),
            decides="best_params.yaml",
            takes_decisions=True,
        ),
        Stage(
            name="fit",
            title="Fit the pipeline and measure it on the test part, once",
            sections=(*FITTING, "selection"),
            code=(*COMMON_CODE, *FITTING_CODE, *EXPORT_CODE, *DRAWING_CODE, "training/plots"),
            needs=(RESOLVED, "validate/train.parquet", "validate/test.parquet", "validate/test_truth.npy"),
            makes=("pipeline.joblib", "decisions.yaml", "metrics.json", "truth.npy", "answers.npy"),
            takes_decisions=True,
        ),
        Stage(
            name="export",
            title="Export to ONNX, prove it and time it",
            sections=(*FITTING, "gate"),
            code=(*COMMON_CODE, *FITTING_CODE, *EXPORT_CODE, *DRAWING_CODE, "training/gate"),
            needs=(RESOLVED, "validate/test.parquet", "fit/pipeline.joblib"),
            makes=("model.onnx", "contract.json", "parity.json", "latency.json"),
        ),
        Stage(
            name="gate",
            title="Let the model through its gate",
            sections=EVERYTHING,
            code=(
                *(*COMMON_CODE, *FITTING_CODE, *EXPORT_CODE, *DRAWING_CODE),
                *("training/gate", "training/registry", "training/save.py", "training/tracking"),
            ),
            needs=(
                *("data/source.json", RESOLVED, "validate/train.parquet", "validate/test.parquet"),
                *("fit/pipeline.joblib", "fit/decisions.yaml", "fit/metrics.json", "fit/truth.npy", "fit/answers.npy"),
                *("export/model.onnx", "export/contract.json", "export/parity.json", "export/latency.json"),
            ),
            makes=("gate.json",),
            looks_outside=True,
        ),
        Stage(
            name="register",
            title="Store pipeline and bundle, and register them",
            sections=EVERYTHING,
            code=("bundle", "training"),
            needs=(
                *("data/source.json", RESOLVED, "validate/train.parquet", "validate/test.parquet"),
                *("fit/pipeline.joblib", "fit/decisions.yaml", "fit/metrics.json", "fit/truth.npy", "fit/answers.npy"),
                *("export/model.onnx", "export/contract.json", "export/parity.json", "export/latency.json"),
                "gate/gate.json",
            ),
            may_read=("study/study.json", "select/table.md", "sweep/best_params.yaml"),
            makes=("registered.json", "card.md", "data_card.md", "metrics.json", "importances.json"),
            looks_outside=True,
        ),
    )
}
"""The stages in the order in which they run."""

DECIDING = tuple(stage.name for stage in STAGES.values() if stage.decides)
"""The stages that hand on decisions, in their order."""
LOOKING = ("config", "data", "validate")
"""What is needed to know which model a config and data give."""
QUICK = (*LOOKING, "fit", "export", "gate", "register")
"""The way from data to a stored model with the decisions of the config itself."""
