"""Synthetic tables with the columns and the peculiarities of well-known public tables, but none of their values.

Integers, one-decimal columns, missing values, rare categories, skewed amounts, repeated rows and rare targets are
important: they cause ties, infrequent categories and imputed values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROWS = 1_100
SEED = 1912
Draw = np.random.Generator


def _pick(draw: Draw, values: Sequence[str], rows: int, decay: float = 0.6) -> NDArray[np.object_]:
    weights = decay ** np.arange(len(values))
    indices = draw.choice(len(values), rows, p=weights / weights.sum())
    indices[: len(values)] = np.arange(len(values))
    return np.array(values, dtype=object)[indices]


def _holes(draw: Draw, values: NDArray[np.float64] | NDArray[np.object_], share: float) -> pd.Series:
    series = pd.Series(values)
    missing = draw.random(len(values)) < share
    missing[:20] = False
    return series.mask(missing)


def _chance(draw: Draw, score: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    noisy = score + draw.normal(0, np.std(score) * 0.6 + 1e-9, len(score))
    return np.asarray(noisy > np.quantile(noisy, 1 - share))


def _rounded_integers(draw: Draw, low: int, high: int, rows: int) -> NDArray[np.int64]:
    return draw.integers(low, high + 1, rows)


def titanic(draw: Draw, rows: int) -> pd.DataFrame:
    """Passengers: ages with halves, fares with four decimals, deck letters mostly missing, families as small integers."""
    pclass = draw.choice([1, 2, 3], rows, p=[0.24, 0.21, 0.55])
    sex = _pick(draw, ("male", "female"), rows, 0.55)
    age = np.where(draw.random(rows) < 0.05, np.round(draw.uniform(0.4, 3, rows), 2), np.round(draw.gamma(6, 5, rows)))
    age += np.where(draw.random(rows) < 0.04, 0.5, 0.0)
    sibsp = np.minimum(draw.poisson(0.5, rows), 8)
    parch = np.minimum(draw.poisson(0.4, rows), 6)
    fare = np.round(draw.lognormal(3.4 - 0.8 * (pclass - 1), 0.6, rows), 4)
    fare[draw.random(rows) < 0.3] = 7.8958
    fare[draw.random(rows) < 0.02] = 0.0
    score = 2.0 * (sex == "female") - 0.9 * pclass - 0.02 * age
    title = np.where(sex == "female", np.where(draw.random(rows) < 0.5, "Mrs", "Miss"), "Mr").astype(object)
    title[draw.random(rows) < 0.04] = "Master"
    return pd.DataFrame(
        {
            "Pclass": pclass,
            "Sex": sex,
            "Age": _holes(draw, age, 0.2),
            "SibSp": sibsp,
            "Parch": parch,
            "Fare": fare,
            "Embarked": _holes(draw, _pick(draw, ("S", "C", "Q"), rows, 0.35), 0.004),
            "Deck": _holes(draw, _pick(draw, ("C", "B", "D", "E", "A", "F", "G", "T"), rows, 0.75), 0.77),
            "Title": title,
            "FamilySize": sibsp + parch + 1,
            "IsAlone": (sibsp + parch == 0).astype(int),
            "Survived": _chance(draw, score, 0.38).astype(int),
        }
    )


def house_prices(draw: Draw, rows: int) -> pd.DataFrame:
    """Houses: integer areas, quality grades, many missing texts, prices rounded to hundreds."""
    area = np.round(draw.lognormal(7.2, 0.33, rows)).astype(int)
    quality = np.clip(np.round(draw.normal(6, 1.4, rows)), 1, 10).astype(int)
    built_years = _rounded_integers(draw, 1872, 2010, rows)
    basement = np.where(draw.random(rows) < 0.03, 0, np.round(draw.normal(1_050, 400, rows).clip(100, 3_200))).astype(
        int
    )
    garage = np.round(draw.choice([0, 1, 2, 3], rows, p=[0.06, 0.25, 0.56, 0.13])).astype(int)
    price = np.exp(10.6 + 0.45 * np.log(area / 1_000) + 0.14 * quality + 0.002 * (built_years - 1_950) + 0.06 * garage)
    grades = ("TA", "Gd", "Ex", "Fa", "Po")
    hoods = tuple(f"Hood{number:02d}" for number in range(1, 19))
    return pd.DataFrame(
        {
            "GrLivArea": area,
            "OverallQual": quality,
            "OverallCond": np.clip(np.round(draw.normal(5.5, 1, rows)), 1, 9).astype(int),
            "YearBuilt": built_years,
            "LotArea": np.round(draw.lognormal(9.1, 0.5, rows)).astype(int),
            "LotFrontage": _holes(draw, np.round(draw.normal(70, 22, rows).clip(21, 313)), 0.18),
            "TotalBsmtSF": basement,
            "GarageCars": garage,
            "GarageYrBlt": _holes(draw, built_years + _rounded_integers(draw, 0, 30, rows).astype(float), 0.055),
            "MasVnrArea": _holes(
                draw, np.where(draw.random(rows) < 0.6, 0.0, np.round(draw.gamma(2, 110, rows))), 0.006
            ),
            "FullBath": draw.choice([1, 2, 3], rows, p=[0.45, 0.52, 0.03]),
            "Neighborhood": _pick(draw, hoods, rows, 0.88),
            "HouseStyle": _pick(draw, ("1Story", "2Story", "1.5Fin", "SLvl", "SFoyer", "1.5Unf", "2.5Unf"), rows, 0.5),
            "ExterQual": _pick(draw, grades[:4], rows, 0.4),
            "KitchenQual": _pick(draw, grades[:4], rows, 0.6),
            "BsmtQual": _holes(draw, _pick(draw, grades[:4], rows, 0.6), 0.026),
            "FireplaceQu": _holes(draw, _pick(draw, grades, rows, 0.6), 0.47),
            "MSZoning": _pick(draw, ("RL", "RM", "FV", "RH", "C (all)"), rows, 0.3),
            "CentralAir": _pick(draw, ("Y", "N"), rows, 0.1),
            "SalePrice": np.round(price * draw.lognormal(0, 0.12, rows), -2),
        }
    )


def adult(draw: Draw, rows: int) -> pd.DataFrame:
    """Incomes: capital gains mostly 0, a question mark for missing, long lists of jobs and countries."""
    age, hours, years = (
        _rounded_integers(draw, 17, 90, rows),
        draw.choice([40, 50, 45, 20, 60, 35, 99], rows),
        _rounded_integers(draw, 1, 16, rows),
    )
    jobs = (
        "Prof-specialty",
        "Craft-repair",
        "Exec-managerial",
        "Adm-clerical",
        "Sales",
        "Other-service",
        "?",
        "Armed-Forces",
    )
    countries = (
        "United-States",
        "Mexico",
        "?",
        "Philippines",
        "Germany",
        "Canada",
        "India",
        "Cuba",
        "Holand-Netherlands",
    )
    gain = np.where(draw.random(rows) < 0.92, 0, draw.choice([3103, 5178, 7298, 7688, 15024, 99999], rows))
    score = 0.03 * age + 0.3 * years + 0.02 * hours + gain / 5_000
    return pd.DataFrame(
        {
            "age": age,
            "workclass": _pick(
                draw, ("Private", "Self-emp-not-inc", "Local-gov", "?", "State-gov", "Never-worked"), rows, 0.4
            ),
            "fnlwgt": np.round(draw.lognormal(12, 0.5, rows)).astype(int),
            "education": _pick(
                draw, ("HS-grad", "Some-college", "Bachelors", "Masters", "11th", "Doctorate"), rows, 0.7
            ),
            "education.num": years,
            "marital.status": _pick(draw, ("Married-civ-spouse", "Never-married", "Divorced", "Widowed"), rows, 0.6),
            "occupation": _pick(draw, jobs, rows, 0.8),
            "relationship": _pick(draw, ("Husband", "Not-in-family", "Own-child", "Unmarried", "Wife"), rows, 0.65),
            "sex": _pick(draw, ("Male", "Female"), rows, 0.5),
            "capital.gain": gain,
            "capital.loss": np.where(draw.random(rows) < 0.95, 0, draw.choice([1902, 1977, 1887, 2415], rows)),
            "hours.per.week": hours,
            "native.country": _pick(draw, countries, rows, 0.3),
            "income": np.where(_chance(draw, score, 0.24), ">50K", "<=50K"),
        }
    )


def credit(draw: Draw, rows: int) -> pd.DataFrame:
    """Loans: small integers, codes of letters and digits, a target that is rare."""
    duration, amount = (
        draw.choice([6, 9, 12, 15, 18, 24, 30, 36, 48, 60], rows),
        np.round(draw.lognormal(7.8, 0.8, rows)).astype(int),
    )
    status = _pick(draw, ("A14", "A11", "A12", "A13"), rows, 0.8)
    rate = np.round(draw.normal(11, 3, rows).clip(5.42, 23.22), 2)
    score = 0.03 * duration + amount / 6_000 + 1.0 * (status == "A11") + 0.1 * rate
    return pd.DataFrame(
        {
            "status": status,
            "duration": duration,
            "history": _pick(draw, ("A32", "A34", "A33", "A31", "A30"), rows, 0.5),
            "purpose": _pick(draw, ("A43", "A40", "A42", "A41", "A49", "A46", "A45", "A48", "A44", "A410"), rows, 0.7),
            "amount": amount,
            "savings": _holes(draw, _pick(draw, ("A61", "A65", "A62", "A63", "A64"), rows, 0.5), 0.05),
            "age": _rounded_integers(draw, 19, 75, rows),
            "rate": _holes(draw, rate, 0.09),
            "income": np.round(draw.lognormal(10.8, 0.6, rows), -2),
            "emp_length": _holes(draw, np.minimum(draw.poisson(4, rows), 41).astype(float), 0.03),
            "percent_income": np.round(draw.beta(2, 9, rows), 2),
            "home": _pick(draw, ("RENT", "MORTGAGE", "OWN", "OTHER"), rows, 0.5),
            "default": _chance(draw, score, 0.22).astype(int),
        }
    )


def fraud(draw: Draw, rows: int) -> pd.DataFrame:
    """Card payments: principal components, an amount in cents, seconds since the first, repeated rows, few frauds."""
    values = np.round(draw.normal(0, [1.9, 1.6, 1.5, 1.4, 1.3, 1.2], (rows, 6)), 9)
    amount = np.round(draw.lognormal(3, 1.6, rows), 2)
    frame = pd.DataFrame(values, columns=[f"V{number}" for number in range(1, 7)])
    frame.insert(0, "Time", np.sort(_rounded_integers(draw, 0, 172_792, rows)).astype(float))
    frame["Amount"] = amount
    frame["Class"] = _chance(draw, -values[:, 2] + 0.5 * values[:, 3] + 0.001 * amount, 0.06).astype(int)
    repeated = draw.integers(rows, size=rows // 25)
    frame.iloc[draw.permutation(rows)[: len(repeated)]] = frame.iloc[repeated].to_numpy()
    return frame.astype({"Class": int})


def telco(draw: Draw, rows: int) -> pd.DataFrame:
    """Contracts: yes, no and a third answer, charges in cents, a total that is a text with blanks in the original."""
    tenure, monthly = (
        _rounded_integers(draw, 0, 72, rows),
        np.round(draw.choice([20.05, 45.3, 70.6, 89.9], rows) + draw.uniform(-2, 25, rows), 2),
    )
    total = np.where(tenure == 0, np.nan, np.round(tenure * monthly * draw.uniform(0.95, 1.05, rows), 2))
    contract = _pick(draw, ("Month-to-month", "Two year", "One year"), rows, 0.6)
    internet = _pick(draw, ("Fiber optic", "DSL", "No"), rows, 0.7)
    score = -0.04 * tenure + 0.01 * monthly + 1.0 * (contract == "Month-to-month")
    return pd.DataFrame(
        {
            "gender": _pick(draw, ("Male", "Female"), rows, 0.98),
            "SeniorCitizen": (draw.random(rows) < 0.16).astype(int),
            "Partner": _pick(draw, ("No", "Yes"), rows, 0.9),
            "tenure": tenure,
            "InternetService": internet,
            "OnlineSecurity": np.where(internet == "No", "No internet service", _pick(draw, ("No", "Yes"), rows)),
            "Contract": contract,
            "PaymentMethod": _pick(
                draw,
                ("Electronic check", "Mailed check", "Bank transfer (automatic)", "Credit card (automatic)"),
                rows,
                0.8,
            ),
            "PaperlessBilling": _pick(draw, ("Yes", "No"), rows, 0.7),
            "MonthlyCharges": monthly,
            "TotalCharges": total,
            "Churn": np.where(_chance(draw, score, 0.27), "Yes", "No"),
        }
    )


def wine(draw: Draw, rows: int) -> pd.DataFrame:
    """Wines: columns of one to five decimals, grades that are integers, many repeated rows."""
    alcohol = np.round(draw.normal(10.4, 1.1, rows).clip(8.4, 14.9), 1)
    acid = np.round(draw.gamma(9, 0.06, rows), 2)
    frame = pd.DataFrame(
        {
            "fixed acidity": np.round(draw.normal(8.3, 1.7, rows).clip(4.6, 15.9), 1),
            "volatile acidity": acid,
            "citric acid": np.round(draw.beta(1.2, 3, rows), 2),
            "residual sugar": np.round(draw.lognormal(0.8, 0.4, rows), 1),
            "chlorides": np.round(draw.lognormal(-2.5, 0.35, rows), 3),
            "free sulfur dioxide": np.round(draw.gamma(2.3, 7, rows)),
            "total sulfur dioxide": np.round(draw.gamma(2, 23, rows) + 6),
            "density": np.round(draw.normal(0.9967, 0.0019, rows), 5),
            "pH": np.round(draw.normal(3.31, 0.15, rows), 2),
            "sulphates": np.round(draw.lognormal(-0.43, 0.22, rows), 2),
            "alcohol": alcohol,
        }
    )
    score = 0.6 * alcohol - 2.5 * acid + frame["sulphates"].to_numpy() + draw.normal(0, 0.6, rows)
    frame["quality"] = 3 + np.digitize(score, np.quantile(score, [0.01, 0.05, 0.47, 0.87, 0.98]))
    frame["good"] = (frame["quality"] > 6).astype(int)
    repeated = draw.integers(rows, size=rows // 8)
    frame.iloc[draw.permutation(rows)[: len(repeated)]] = frame.iloc[repeated].to_numpy()
    return frame.astype({"quality": int, "good": int})


def insurance(draw: Draw, rows: int) -> pd.DataFrame:
    """Medical costs: ages, an index with three decimals, children, smokers, charges with many decimals."""
    age, bmi, smoker = (
        _rounded_integers(draw, 18, 64, rows),
        np.round(draw.normal(30.7, 6.1, rows).clip(15.96, 53.13), 3),
        _pick(draw, ("no", "yes"), rows, 0.26),
    )
    charges = (
        250 * age
        + 320 * (bmi - 20).clip(0)
        + 22_000 * (smoker == "yes") * (0.6 + (bmi > 30))
        + draw.gamma(2, 1_200, rows)
    )
    return pd.DataFrame(
        {
            "age": age,
            "sex": _pick(draw, ("male", "female"), rows, 0.98),
            "bmi": bmi,
            "children": np.minimum(draw.poisson(1.1, rows), 5),
            "smoker": smoker,
            "region": _pick(draw, ("southeast", "southwest", "northwest", "northeast"), rows, 0.95),
            "charges": np.round(charges, 5),
        }
    )


def diabetes(draw: Draw, rows: int) -> pd.DataFrame:
    """Patients: integers in which 0 stands for missing, one decimal, three decimals."""
    glucose = np.where(draw.random(rows) < 0.01, 0, np.round(draw.normal(121, 30, rows).clip(44, 199))).astype(int)
    bmi = np.where(draw.random(rows) < 0.015, 0.0, np.round(draw.normal(32.4, 6.9, rows).clip(18.2, 67.1), 1))
    insulin = np.where(draw.random(rows) < 0.49, 0, np.round(draw.gamma(2, 78, rows))).astype(int)
    age = np.round(21 + draw.gamma(1.2, 10, rows)).astype(int)
    score = 0.03 * glucose + 0.07 * bmi + 0.02 * age
    return pd.DataFrame(
        {
            "Pregnancies": np.minimum(draw.poisson(3.5, rows), 17),
            "Glucose": glucose,
            "BloodPressure": np.where(draw.random(rows) < 0.045, 0, np.round(draw.normal(72, 12, rows))).astype(int),
            "SkinThickness": np.where(draw.random(rows) < 0.3, 0, _rounded_integers(draw, 7, 60, rows)),
            "Insulin": insulin,
            "BMI": bmi,
            "DiabetesPedigreeFunction": np.round(draw.gamma(2, 0.23, rows) + 0.078, 3),
            "Age": age,
            "Outcome": _chance(draw, score, 0.35).astype(int),
        }
    )


def bike(draw: Draw, rows: int) -> pd.DataFrame:
    """Rentals by the hour: hours and weekdays as integers, temperatures on a grid of 0.02, dates as text, counts."""
    hour, temp = _rounded_integers(draw, 0, 23, rows), np.round(np.round(draw.beta(2, 2, rows) / 0.02) * 0.02, 2)
    working = (draw.random(rows) < 0.68).astype(int)
    days = draw.integers(0, 730, rows)
    times = pd.Timestamp("2011-01-01") + pd.to_timedelta(days, unit="D") + pd.to_timedelta(hour, unit="h")
    rate = 30 + 180 * np.exp(-((hour - 17.5) ** 2) / 8) + 120 * np.exp(-((hour - 8) ** 2) / 4) * working + 160 * temp
    return pd.DataFrame(
        {
            "datetime": times.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "season": days // 91 % 4 + 1,
            "mnth": days // 30 % 12 + 1,
            "hr": hour,
            "weekday": days % 7,
            "workingday": working,
            "weathersit": draw.choice([1, 2, 3, 4], rows, p=[0.65, 0.26, 0.08, 0.01]),
            "temp": temp,
            "hum": np.round(draw.beta(5, 3, rows), 2),
            "windspeed": np.round(draw.choice([0.0, 0.0896, 0.1045, 0.1343, 0.194, 0.2537, 0.3284], rows), 4),
            "weather": _pick(draw, ("clear", "mist", "light rain", "heavy rain"), rows, 0.4),
            "cnt": draw.poisson(rate),
        }
    )


def heart(draw: Draw, rows: int) -> pd.DataFrame:
    """Patients: codes as small integers, one-decimal columns with many ties."""
    age, oldpeak = (
        _rounded_integers(draw, 29, 77, rows),
        np.where(draw.random(rows) < 0.33, 0.0, np.round(draw.gamma(1.5, 0.9, rows), 1)),
    )
    pain = draw.choice([0, 1, 2, 3], rows, p=[0.47, 0.17, 0.28, 0.08])
    thalach = np.round(draw.normal(150, 22, rows).clip(71, 202)).astype(int)
    score = 0.02 * thalach + 0.8 * pain - 0.7 * oldpeak - 0.02 * age
    return pd.DataFrame(
        {
            "age": age,
            "sex": (draw.random(rows) < 0.68).astype(int),
            "cp": pain,
            "trestbps": draw.choice([110, 120, 125, 130, 138, 140, 150, 160, 180], rows),
            "chol": np.round(draw.normal(246, 50, rows).clip(126, 564)).astype(int),
            "fbs": (draw.random(rows) < 0.15).astype(int),
            "restecg": draw.choice([0, 1, 2], rows, p=[0.48, 0.5, 0.02]),
            "thalach": thalach,
            "exang": (draw.random(rows) < 0.33).astype(int),
            "oldpeak": oldpeak,
            "slope": draw.choice([0, 1, 2], rows, p=[0.07, 0.46, 0.47]),
            "ca": draw.choice([0, 1, 2, 3], rows, p=[0.58, 0.21, 0.13, 0.08]),
            "thal": _pick(draw, ("normal", "reversible", "fixed"), rows, 0.6),
            "target": _chance(draw, score, 0.54).astype(int),
        }
    )


def flowers(draw: Draw, rows: int) -> pd.DataFrame:
    """Flowers: four lengths with one decimal, three kinds of equal size; many rows are repeated."""
    kind = draw.integers(3, size=rows)
    means = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
    widths = np.array([[0.35, 0.38, 0.17, 0.1], [0.5, 0.3, 0.47, 0.2], [0.64, 0.32, 0.55, 0.27]])
    values = np.round(draw.normal(means[kind], widths[kind]).clip(0.1), 1)
    names = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
    frame = pd.DataFrame(values, columns=list(names))
    frame["species"] = np.array(["setosa", "versicolor", "virginica"], dtype=object)[kind]
    frame["kind"] = kind
    return frame


def penguins(draw: Draw, rows: int) -> pd.DataFrame:
    """Penguins: one-decimal lengths, integer weights in steps of 25, two missing rows in a hundred."""
    kind = draw.choice(3, rows, p=[0.44, 0.36, 0.2])
    bill = np.round(draw.normal(np.array([38.8, 47.5, 48.8])[kind], 2.9), 1)
    depth = np.round(draw.normal(np.array([18.3, 15.0, 18.4])[kind], 1.1), 1)
    flipper = np.round(draw.normal(np.array([190, 217, 196])[kind], 6.8))
    mass = np.round(draw.normal(np.array([3_700, 5_076, 3_733])[kind], 440) / 25) * 25
    return pd.DataFrame(
        {
            "island": np.array(["Torgersen", "Biscoe", "Dream"], dtype=object)[(kind + (draw.random(rows) < 0.4)) % 3],
            "bill_length_mm": _holes(draw, bill, 0.02),
            "bill_depth_mm": _holes(draw, depth, 0.02),
            "flipper_length_mm": _holes(draw, flipper, 0.02),
            "body_mass_g": _holes(draw, mass, 0.02),
            "sex": _holes(draw, _pick(draw, ("male", "female"), rows, 0.99), 0.03),
            "species": np.array(["Adelie", "Gentoo", "Chinstrap"], dtype=object)[kind],
        }
    )


def reviews(draw: Draw, rows: int) -> pd.DataFrame:
    """Reviews: a text of a few words with punctuation, capital letters and numbers; stars, and whether it was liked."""
    good = ("great", "Loved it", "excellent!", "works well", "five stars", "recommend", "très bon", "A+++")
    bad = ("broke", "BAD", "refund please", "never again", "awful...", "don't buy", "2 days", "cheap plastic")
    plain = (
        "the",
        "phone",
        "battery",
        "it's",
        "for 10 dollars",
        "my wife",
        "camera",
        "arrived",
        "screen",
        "re-sold",
        "a",
        "I",
    )
    texts, stars = [], []
    for _ in range(rows):
        star = int(draw.integers(1, 6))
        words = list(draw.choice(plain, draw.integers(2, 8)))
        words += list(draw.choice(good if star > 3 else bad if star < 3 else plain, draw.integers(1, 4)))
        texts.append(" ".join(draw.permutation(words)))
        stars.append(star)
    stars_array = np.array(stars)
    return pd.DataFrame(
        {
            "text": texts,
            "stars": stars_array,
            "length": [len(text) for text in texts],
            "category": _pick(draw, ("phones", "books", "garden"), rows),
            "liked": (stars_array > 3).astype(int),
        }
    )


_MAKERS: dict[str, Callable[[Draw, int], pd.DataFrame]] = {
    maker.__name__: maker
    for maker in (
        *(titanic, house_prices, adult, credit, fraud, telco, wine, insurance),
        *(diabetes, bike, heart, flowers, penguins, reviews),
    )
}
NAMES = tuple(_MAKERS)


@cache
def table(name: str, rows: int = ROWS) -> pd.DataFrame:
    """Return a table; the same name and rows give the same values. The caller must not change it.

    Raises:
        KeyError: there is no such table.
    """
    seed = SEED + NAMES.index(name) if name in NAMES else 0
    return _MAKERS[name](np.random.default_rng(seed), rows)
