"""The wide model of the benchmark: a config of 100 synthetic columns, 20 of them categories, for the trainer."""

from __future__ import annotations

from training.config import ModelConfig

NUMBERS = 80
CATEGORIES = 20
LEVELS = ("amber", "birch", "cedar", "dune", "elm", "fern", "grove", "heath")
"""The values of every category. Together with the numbers they give the trees 240 columns to look at."""
ROWS = 12_000
SEED = 7


def wide_config() -> ModelConfig:
    """Return the config.

    Numbers are sampled from normal distributions, every tenth with 5% of its values missing; categories from eight values
    of unequal weight. The target depends on a third of the columns, some of them in pairs, so that the trees are as
    deep as the trees of a real table.
    """
    numbers = [f"reading_{index:02d}" for index in range(NUMBERS)]
    categories = [f"kind_{index:02d}" for index in range(CATEGORIES)]
    holes = numbers[::10]
    weights = {level: 8 - index * 0.9 for index, level in enumerate(LEVELS)}
    features = [
        {"name": name, "type": "number", "minimum": -1000, "maximum": 1000, "nullable": name in holes}
        for name in numbers
    ]
    features += [{"name": name, "type": "category", "categories": list(LEVELS)} for name in categories]
    draws: list[dict[str, object]] = [
        {
            "name": name,
            "draw": "normal",
            "mean": index % 7,
            "sd": 1 + index % 5,
            "decimals": 3,
            "clip": [-1000, 1000],
            "missing": 0.05 if name in holes else 0.0,
        }
        for index, name in enumerate(numbers)
    ]
    draws += [{"name": name, "draw": "choice", "values": weights} for name in categories]
    terms = [f"{1 + index % 3} * {name}" for index, name in enumerate(numbers[1:40:2])]
    terms += [f"0.5 * {left} * {right}" for left, right in zip(numbers[3:30:9], numbers[41:60:9], strict=True)]
    terms += [f"{4 + index} * ({name} == '{LEVELS[index]}')" for index, name in enumerate(categories[:6])]
    draws.append({"name": "yield_sum", "draw": "normal", "mean": "500 + " + " + ".join(terms), "sd": 3.0})
    return ModelConfig.model_validate(
        {
            "name": "wide",
            "title": "Wide made-up table",
            "description": "A hundred made-up columns, for measuring what width costs. It predicts nothing of use.",
            "task": "regression",
            "synthetic": {"rows": ROWS, "seed": SEED, "columns": draws},
            "target": {"name": "yield_sum", "description": "A sum over a third of the columns, with noise."},
            "features": features,
            "estimator": {"kind": "hist_gradient_boosting", "params": {"max_iter": 100, "max_leaf_nodes": 63}},
            "gate": {"single_row_p99_us_max": None},
        }
    )
