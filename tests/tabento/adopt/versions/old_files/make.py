"""Makes the files of this folder: ``python make.py`` in an environment with the version of scikit-learn to add.

``uv run --no-project --python 3.11 --with scikit-learn==1.5.2 --with 'pandas<3' --with skops==0.16.0 python make.py`` adds
those of 1.5.2. Each version gets three small pipelines as joblib, two of them as skops too, and its own answers to the rows.
They are kept because tests have to run without a network, and because no pickle of today looks like one of then.
"""

from __future__ import annotations

import json
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import sklearn
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge, SGDClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder

FOLDER = Path(__file__).parent
COLUMNS = ["area", "age", "city"]


def rows(count: int = 60) -> pd.DataFrame:
    """Return flats: an area, an age that may be missing, a city, a price and whether it is high."""
    generator = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "area": np.round(generator.uniform(15, 180, count), 3),
            "age": np.round(generator.uniform(0, 120, count), 2),
            "city": generator.choice(np.array(["bern", "basel", "chur"], dtype=object), count),
        }
    )
    frame["price"] = np.round(3 * frame["area"] + 40 * (frame["city"] == "bern") + generator.normal(0, 9, count), 2)
    frame["high"] = np.where(frame["price"] > frame["price"].median(), "yes", "no")
    frame.loc[::9, "age"] = np.nan
    return frame


def _columns(remainder: object) -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(strategy="median"), MaxAbsScaler())
    return ColumnTransformer(
        [("n", numbers, ["age"]), ("t", OneHotEncoder(handle_unknown="ignore"), ["city"])], remainder=remainder
    )


def main() -> None:
    """Fit, save and answer."""
    frame = rows()
    frame.to_csv(FOLDER / "rows.csv", index=False)
    voters = VotingRegressor(
        [
            ("h", HistGradientBoostingRegressor(max_iter=2, max_leaf_nodes=3, max_bins=8, random_state=0)),
            ("g", GradientBoostingRegressor(n_estimators=2, max_depth=2, random_state=0)),
            ("r", Ridge()),
        ]
    )
    forest = RandomForestClassifier(2, max_depth=2, random_state=0)
    pipelines = {
        "regression": (Pipeline([("columns", _columns("passthrough")), ("model", voters)]), "price"),
        "classification": (Pipeline([("columns", _columns(MaxAbsScaler())), ("model", forest)]), "high"),
        "linear": (Pipeline([("columns", _columns("drop")), ("model", SGDClassifier(loss="log_loss", random_state=0))]), "high"),
    }  # fmt: skip
    answers = {}
    for name, (pipeline, target) in pipelines.items():
        pipeline.fit(frame[COLUMNS], frame[target])
        stem = FOLDER / f"{name}_{sklearn.__version__}"
        joblib.dump(pipeline, f"{stem}.joblib", compress=("xz", 9))
        if name != "regression":  # its file would have 46 kB
            skops.io.dump(pipeline, f"{stem}.skops", compression=8, compresslevel=9)
        ask = pipeline.predict if target == "price" else pipeline.predict_proba
        answers[name] = np.asarray(ask(frame[COLUMNS])).tolist()
    (FOLDER / f"answers_{sklearn.__version__}.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
