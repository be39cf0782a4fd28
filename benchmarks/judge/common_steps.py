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
    " modules, excerpts are cut, and small counts are uncertain: the upper half of the list is firm, the lower half is a"
    " choice. The last five rows are few or absent in the sample; they are taken from an earlier reading of thirty"
    " repositories that fit pipelines on tables (the second number, if there is one). `LabelEncoder` (11 files) is excluded,"
    " because it encodes targets and is not a step of a pipeline."
)


@dataclass(frozen=True)
class Step:
    """A class in many pipelines."""

    name: str
    """The name that ``class_names`` returns."""
    files: int
    """The number of the 140 files that import the class."""
    repositories: int | None = None
    """The number of the thirty repositories that use the class; None if unknown."""


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
"""The fifty classes, most used first."""

PROVEN = ("equal", "knife edge")


def tally(results: Sequence[Result]) -> list[tuple[Step, int, int]]:
    """Return each of the fifty with the number of its proven pipelines and the number of all its pipelines."""
    counted = []
    for step in FIFTY:
        step_results = [result for result in results if step.name in result.classes]
        counted.append((step, sum(result.outcome in PROVEN for result in step_results), len(step_results)))
    return counted


def proven_line(results: Sequence[Result]) -> str:
    """Return a line with the number of the fifty that are proven in at least one pipeline, and the names of the others."""
    counted = tally(results)
    lacking = [step.name for step, proven, _ in counted if not proven]
    line = f"proven: {len(FIFTY) - len(lacking)} of {len(FIFTY)} most used steps and estimators"
    return line + (f"; not: {', '.join(lacking)}" if lacking else "")


def table(results: Sequence[Result]) -> str:
    """Return a table of the fifty classes in Markdown."""
    lines = [
        "| step or estimator | files of 140 | repositories of 30 | pipelines proven |",
        "| --- | --- | --- | --- |",
    ]
    for step, proven, total in tally(results):
        repositories = "–" if step.repositories is None else str(step.repositories)
        lines.append(f"| {step.name} | {step.files} | {repositories} | {proven} of {total} |")
    return "\n".join(lines)
