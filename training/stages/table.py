"""The table of the stages: the inputs of each stage from the config, from other stages and from the code, and its outputs.

The runner uses it to decide which stages must run again, and ``dvc.yaml`` contains the same for DVC. Tests compare both with
the files and sections that the stages really read. A path is relative to the workspace of a model, as in ``validate/train.parquet``.
"""

from __future__ import annotations

from dataclasses import dataclass

CONTRACT = ("name", "title", "description", "task", "target", "features", "identifiers", "slo")
"""The sections that a model's contract is made of."""
FITTING = (*CONTRACT, "derived", "impute", "estimator", "decision", "split", "seed")
"""The sections that every fit reads."""
ALL_SECTIONS = (
    *FITTING,
    *("source", "synthetic", "drop", "duplicates", "studies", "selection", "sweep", "evaluation", "gate", "card"),
    *("intervals", "sets"),
)
"""All sections of a config."""

RESOLVED = "validate/resolved.json"
"""The sections with the categories and classes that the config leaves to the data and the stage ``validate`` determines."""
RESOLVED_SECTIONS = ("target", "features")
"""The sections in which a config can leave values to the data."""

COMMON_CODE = (
    "tabento/ab_test",
    "tabento/bundle",
    "tabento/errors.py",
    "tabento/remote",
    "tabento/tables",
    "tabento/user_name.py",
    "training/config",
    "training/data",
    "training/errors.py",
)
FITTING_CODE = ("tabento/transformers", "training/installing.py", "training/model")
EXPORT_CODE = ("tabento/export", "tabento/packaging", "tabento/parity")
DRAWING_CODE = (
    "training/report/drawing.py",
    "training/report/page.html.j2",
    "training/report/page.py",
    "training/studies/texts.py",
)
MACHINERY = (
    "training/registry/file_lock.py",
    "training/progress.py",
    "training/registry/provenance.py",
    "training/stages/context.py",
    "training/stages/files.py",
    "training/stages/outcome.py",
    "training/stages/table.py",
    "training/stages/workspace.py",
    "training/stages/startup_check.py",
)
"""Code that all stages run and that does not change their results. The last module checks whether a model can be served."""


@dataclass(frozen=True)
class Stage:
    """The declaration of one stage."""

    name: str
    """Also its module in ``training.stages`` and its folder in the workspace."""
    title: str
    """The title for readers."""
    sections: tuple[str, ...]
    """The sections of the config that it reads."""
    code: tuple[str, ...]
    """The folders and files of the repository whose code it runs, besides its own module and ``MACHINERY``."""
    needs: tuple[str, ...] = ()
    """The files of other stages that it always reads."""
    may_read: tuple[str, ...] = ()
    """The files of other stages that it reads for its reports if these stages are part of the run."""
    makes: tuple[str, ...] = ()
    """The files of its folder that other stages can read. It can write more files, such as plots."""
    decides: str | None = None
    """The file of its decisions; None if the stage does not decide."""
    takes_decisions: bool = False
    """Whether it starts from decisions: of the previous deciding stage, or of the config."""
    looks_outside: bool = False
    """Whether it depends on an external input besides config and workspace. Its module then has a function ``identity``."""


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            name="config",
            title="Check the config and write it out with every default",
            sections=ALL_SECTIONS,
            code=("tabento/bundle", "tabento/errors.py", "tabento/transformers", "training/config"),
            makes=("config.yaml",),
        ),
        Stage(
            name="data",
            title="Get the data",
            sections=("name", "target", "features", "identifiers", "source", "synthetic"),
            code=(*COMMON_CODE, "tabento/transformers/date_part_names.py"),
            makes=("raw.csv", "source.json"),
            looks_outside=True,
        ),
        Stage(
            name="validate",
            title="Validate the data and set the test part aside",
            sections=("name", "task", "target", "features", "identifiers", "drop", "duplicates", "split", "synthetic"),
            code=(*COMMON_CODE, "tabento/transformers/date_part_names.py"),
            needs=("data/raw.csv", "data/source.json"),
            makes=("train.parquet", "test.parquet", "test_truth.npy", "quality.json", "resolved.json"),
        ),
        Stage(
            name="study",
            title="Study the data",
            sections=ALL_SECTIONS,
            code=(
                *COMMON_CODE,
                *FITTING_CODE,
                *DRAWING_CODE,
                "training/studies/exploration",
                "training/report/exploration",
            ),
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
            code=(
                *COMMON_CODE,
                *FITTING_CODE,
                *EXPORT_CODE,
                *DRAWING_CODE,
                "training/report/features",
                "training/stages/features_study.py",
                "training/studies/features",
            ),
            needs=(RESOLVED, "validate/train.parquet"),
            makes=("decisions.yaml", "features.json"),
            decides="decisions.yaml",
            takes_decisions=True,
        ),
        Stage(
            name="select",
            title="Select the estimator under the latency budget",
            sections=(*FITTING, "selection"),
            code=(
                *(*COMMON_CODE, *FITTING_CODE, *EXPORT_CODE, *DRAWING_CODE),
                "training/report/selection",
                "training/stages/selection_study.py",
                "training/studies/errors.py",
                "training/studies/selection",
            ),
            needs=(RESOLVED, "validate/train.parquet"),
            makes=("decisions.yaml", "selection.json"),
            decides="decisions.yaml",
            takes_decisions=True,
        ),
        Stage(
            name="sweep",
            title="Search for the estimator's parameters",
            sections=(*FITTING, "selection", "sweep"),
            code=(
                *COMMON_CODE,
                *FITTING_CODE,
                *EXPORT_CODE,
                *DRAWING_CODE,
                "training/report/selection",
                "training/report/sweep",
                "training/stages/sweep_study.py",
                "training/studies/errors.py",
                "training/studies/selection",
                "training/studies/sweep",
            ),
            needs=(RESOLVED, "validate/train.parquet"),
            makes=("best_params.yaml",),
            decides="best_params.yaml",
            takes_decisions=True,
        ),
        Stage(
            name="fit",
            title="Fit the pipeline and measure it on the test part, once",
            sections=(*FITTING, "selection", "intervals", "sets"),
            code=(*COMMON_CODE, *FITTING_CODE, *EXPORT_CODE, *DRAWING_CODE, "training/report/holdout_plots"),
            needs=(RESOLVED, "validate/train.parquet", "validate/test.parquet", "validate/test_truth.npy"),
            makes=(
                *("pipeline.joblib", "decisions.yaml", "calibration.json"),
                *("metrics.json", "truth.npy", "answers.npy", "out_of_fold.npy"),
            ),
            takes_decisions=True,
        ),
        Stage(
            name="export",
            title="Export to ONNX, prove it and time it",
            sections=(*FITTING, "gate"),
            code=(*COMMON_CODE, *FITTING_CODE, *EXPORT_CODE, *DRAWING_CODE, "training/gate"),
            needs=(RESOLVED, "validate/test.parquet", "fit/pipeline.joblib", "fit/calibration.json"),
            makes=("model.onnx", "contract.json", "parity.json", "latency.json"),
        ),
        Stage(
            name="gate",
            title="Let the model through its gate",
            sections=ALL_SECTIONS,
            code=(
                *(*COMMON_CODE, *FITTING_CODE, *EXPORT_CODE, *DRAWING_CODE),
                *("training/gate", "training/registry", "training/report/gate"),
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
            sections=ALL_SECTIONS,
            code=("tabento", "training"),
            needs=(
                *("data/source.json", RESOLVED, "validate/train.parquet", "validate/test.parquet"),
                *("fit/pipeline.joblib", "fit/decisions.yaml", "fit/metrics.json", "fit/truth.npy", "fit/answers.npy"),
                "fit/out_of_fold.npy",
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
"""The stages that decide, in their order."""
DATA_STAGES = ("config", "data", "validate")
"""The stages that determine the data of a model."""
QUICK_STAGES = (*DATA_STAGES, "fit", "export", "gate", "register")
"""The stages from the data to a stored model, with the decisions of the config."""
