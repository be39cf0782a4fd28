"""A model's config: one YAML file holds everything that is specific to one model. It is checked when it is read."""

from training.config.card import CardNotes
from training.config.column import Column
from training.config.custom_code import load_class, module_folder
from training.config.data import Draw, Source, Split, Stratify, Synthetic
from training.config.decisions import Decisions
from training.config.estimator import Estimator, Member
from training.config.faults import explain
from training.config.features import Clusters, CustomTransformer, Dates, DerivedFeatures, Ratio
from training.config.gate import (
    Calibration,
    ChampionComparison,
    CoverageLimits,
    Direction,
    Gate,
    Invariance,
    Leakage,
    Limit,
    Seeds,
    Slices,
)
from training.config.grid import Grid
from training.config.intervals import Intervals, Sets
from training.config.model import ModelConfig, Slo
from training.config.reading import format_faults, load_as, load_config
from training.config.study import Candidate, Evaluation, Metric, Range, Selection, Studies, Sweep
from training.config.target import ClassLabel, Decision, Target
from training.config.text import ConfigText
from training.config.types import ConfigError, DatePart, Imputer, Kind, Param, Task

__all__ = [
    "Calibration",
    "Candidate",
    "CardNotes",
    "ChampionComparison",
    "ClassLabel",
    "Clusters",
    "Column",
    "ConfigError",
    "ConfigText",
    "CoverageLimits",
    "CustomTransformer",
    "DatePart",
    "Dates",
    "Decision",
    "Decisions",
    "DerivedFeatures",
    "Direction",
    "Draw",
    "Estimator",
    "Evaluation",
    "Gate",
    "Grid",
    "Imputer",
    "Intervals",
    "Invariance",
    "Kind",
    "Leakage",
    "Limit",
    "Member",
    "Metric",
    "ModelConfig",
    "Param",
    "Range",
    "Ratio",
    "Seeds",
    "Selection",
    "Sets",
    "Slices",
    "Slo",
    "Source",
    "Split",
    "Stratify",
    "Studies",
    "Sweep",
    "Synthetic",
    "Target",
    "Task",
    "explain",
    "format_faults",
    "load_as",
    "load_class",
    "load_config",
    "module_folder",
]
