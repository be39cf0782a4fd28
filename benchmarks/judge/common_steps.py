"""The fifty steps and estimators that public repositories use most, and how many of them are proven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.judge.judgement import Result

HOW_COUNTED = (
    "Counted by hand in 140 files of public repositories, in November 2026: the ten that an index of public source code"
    " gives for each of fourteen import lines. Five lines choose no estimator (`from sklearn.pipeline import`, `import"
    " make_pipeline`, `from sklearn.compose import`, `from sklearn.metrics import`, `from sklearn.model_selection import`),"
    " nine choose a module (`ensemble`, `linear_model`, `preprocessing`, `impute`, `feature_selection`, `decomposition`,"
    " `neighbors`, `svm`, `naive_bayes`). A file counts once for a class that its excerpt imports. The nine favour their own"
    " modules, excerpts are cut, and small counts say little: the upper half of the list is firm, the lower half is a"
    " choice. The last five rows are few or absent in the sample; they are taken from an earlier reading of thirty"
    " repositories that fit pipelines on tables (the second number, if there is one). `LabelEncoder` (11 files) is left out,"
    " for it encodes targets and is no step."
)


@dataclass(frozen=True)
class Step:
    """A class that many pipelines hold."""

    name: str
    """As ``class_names`` gives it."""
    files: int
    """In how many of the 140 files it was found."""
    repositories: int | None = None
    """In how many of the thirty repositories, if that is known."""


FIFTY = (
    Step("StandardScaler", 48),
    Step("Pipeline", 40),
    Step("RandomForestClassifier", 28),
    Step("ColumnTransformer", 20),
    Step("LogisticRegression", 19),
    Step("OneHotEncoder", 17),
    Step("SimpleImputer", 17),
    Step("SVC", 17),
    Step("LinearRegression", 11),
    Step("PCA", 11),
    Step("RandomForestRegressor", 9),
    Step("TfidfVectorizer", 9),
    Step("DecisionTreeClassifier", 7),
    Step("KNeighborsClassifier", 7),
    Step("MinMaxScaler", 7),
    Step("MultinomialNB", 7),
    Step("SelectKBest", 7),
    Step("Ridge", 6),
    Step("GridSearchCV", 6),
    Step("GaussianNB", 6),
    Step("RobustScaler", 6),
    Step("GradientBoostingClassifier", 5),
    Step("PolynomialFeatures", 5),
    Step("KMeans", 5),
    Step("SGDClassifier", 4),
    Step("XGBClassifier", 4),
    Step("GradientBoostingRegressor", 3),
    Step("Lasso", 3),
    Step("LassoCV", 3),
    Step("SVR", 3),
    Step("SelectFromModel", 3),
    Step("VarianceThreshold", 3),
    Step("MLPRegressor", 3),
    Step("own class", 3, 9),
    Step("LinearSVC", 2),
    Step("CountVectorizer", 2),
    Step("TfidfTransformer", 2),
    Step("TruncatedSVD", 2),
    Step("RFE", 2),
    Step("OrdinalEncoder", 2),
    Step("MLPClassifier", 2),
    Step("FunctionTransformer", 2),
    Step("LinearDiscriminantAnalysis", 2),
    Step("XGBRegressor", 2),
    Step("QuantileTransformer", 2),
    Step("imblearn.Pipeline", 1, 7),
    Step("LGBMClassifier", 1, 3),
    Step("HistGradientBoostingClassifier", 1),
    Step("CatBoostClassifier", 0, 7),
    Step("IsolationForest", 0, 4),
)
"""The fifty, most used first."""

PROVEN = ("equal", "knife edge")


def tally(results: Sequence[Result]) -> list[tuple[Step, int, int]]:
    """Return each of the fifty with how many pipelines that hold it are proven, and how many there are."""
    counted = []
    for step in FIFTY:
        mine = [result for result in results if step.name in result.classes]
        counted.append((step, sum(result.outcome in PROVEN for result in mine), len(mine)))
    return counted


def proven_line(results: Sequence[Result]) -> str:
    """Return how many of the fifty are proven in at least one pipeline, and which are not."""
    counted = tally(results)
    lacking = [step.name for step, proven, _ in counted if not proven]
    line = f"proven: {len(FIFTY) - len(lacking)} of {len(FIFTY)} most used steps and estimators"
    return line + (f"; not: {', '.join(lacking)}" if lacking else "")


def table(results: Sequence[Result]) -> str:
    """Return the fifty as a table in Markdown."""
    lines = [
        "| step or estimator | files of 140 | repositories of 30 | pipelines proven |",
        "| --- | --- | --- | --- |",
    ]
    for step, proven, held in tally(results):
        repositories = "–" if step.repositories is None else str(step.repositories)
        lines.append(f"| {step.name} | {step.files} | {repositories} | {proven} of {held} |")
    return "\n".join(lines)
