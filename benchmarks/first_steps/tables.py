"""Six made-up tables with the columns and the traps of well-known public ones.

Rows are drawn with a seed; nothing of the public files is copied but the names of their columns and values. The traps: a
blank for a missing number, truth values in words, identifiers, names, ``NA`` as a kind of its own, blanks behind commas,
question marks, semicolons with quotes, dates, and numbers that are codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SEED = 20_240_501


@dataclass(frozen=True)
class MadeUpTable:
    """One table as a newcomer has it."""

    name: str
    target: str
    task: str
    make: Callable[[np.random.Generator, int], pd.DataFrame]
    rows: int
    """How many the public table has, or 6,000 if it has more."""
    file_name: str
    delimiter: str = ","
    quoted: bool = False
    """Whether text stands in quotes."""
    blanks: bool = False
    """Whether a blank stands behind each comma."""

    def write(self, folder: Path, rows: int | None = None) -> Path:
        """Write the table into a folder and return the file.

        Args:
            folder: is there already.
            rows: how many; as many as the public table has, if nothing is said.
        """
        frame = self.make(np.random.default_rng(SEED), rows or self.rows)
        path = folder / self.file_name
        text = frame.to_csv(index=False, sep=self.delimiter, quoting=2 if self.quoted else 0, lineterminator="\n")
        path.write_text(text.replace(",", ", ") if self.blanks else text, encoding="utf-8")
        return path


def _choice(rng: np.random.Generator, values: dict[str, float], rows: int) -> NDArray[Any]:
    weights = np.array(list(values.values()))
    return rng.choice(np.array(list(values), dtype=object), rows, p=weights / weights.sum())


def _chance(rng: np.random.Generator, odds: NDArray[np.float64]) -> NDArray[np.bool_]:
    return rng.random(len(odds)) < 1 / (1 + np.exp(-odds))


def _words(flags: NDArray[np.bool_], yes: str = "Yes", no: str = "No") -> NDArray[Any]:
    return np.where(flags, yes, no).astype(object)


def telco(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Customers of a telephone company; TotalCharges is a blank for those of the first month."""
    tenure = rng.integers(0, 73, rows)
    internet = _choice(rng, {"DSL": 34, "Fiber optic": 44, "No": 22}, rows)
    contract = _choice(rng, {"Month-to-month": 55, "One year": 21, "Two year": 24}, rows)
    monthly = np.round(18 + 22 * (internet == "DSL") + 55 * (internet == "Fiber optic") + rng.gamma(2, 5, rows), 2)
    total = np.round(monthly * tenure * rng.uniform(0.95, 1.05, rows), 2)
    odds = -1.3 + 1.4 * (contract == "Month-to-month") + 0.9 * (internet == "Fiber optic") - 0.035 * tenure
    columns: dict[str, Any] = {
        "customerID": [f"{number:04d}-{code}" for number, code in enumerate(_codes(rng, rows, 5))],
        "gender": _choice(rng, {"Female": 1, "Male": 1}, rows),
        "SeniorCitizen": (rng.random(rows) < 0.16).astype(int),
        "Partner": _words(rng.random(rows) < 0.48),
        "Dependents": _words(rng.random(rows) < 0.3),
        "tenure": tenure,
        "PhoneService": _words(rng.random(rows) < 0.9),
        "MultipleLines": _choice(rng, {"No": 48, "Yes": 42, "No phone service": 10}, rows),
        "InternetService": internet,
    }
    for service in (
        "OnlineSecurity",
        "OnlineBackup",
        "DeviceProtection",
        "TechSupport",
        "StreamingTV",
        "StreamingMovies",
    ):
        has = _words(rng.random(rows) < 0.4)
        columns[service] = np.where(internet == "No", "No internet service", has)
    payment = {
        "Electronic check": 34,
        "Mailed check": 23,
        "Bank transfer (automatic)": 22,
        "Credit card (automatic)": 21,
    }
    columns |= {
        "Contract": contract,
        "PaperlessBilling": _words(rng.random(rows) < 0.59),
        "PaymentMethod": _choice(rng, payment, rows),
        "MonthlyCharges": monthly,
        "TotalCharges": np.where(tenure == 0, " ", total.astype(str)),
        "Churn": _words(_chance(rng, odds)),
    }
    return pd.DataFrame(columns)


def titanic(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Passengers of a ship; three in four have no cabin, one in five no age."""
    pclass = _choice(rng, {"1": 24, "2": 21, "3": 55}, rows).astype(int)
    sex = _choice(rng, {"male": 65, "female": 35}, rows)
    age = np.round(rng.gamma(5, 6, rows).clip(0.4, 80) * 2) / 2
    cabin = np.array([f"{deck}{number}" for deck, number in zip(rng.choice(list("ABCDE"), rows), rng.integers(1, 130, rows), strict=True)], dtype=object)  # fmt: skip
    odds = -0.6 + 2.6 * (sex == "female") - 0.9 * (pclass - 2) - 0.02 * (age - 30)
    ticket = [f"{prefix}{number}" for prefix, number in zip(rng.choice(["", "PC ", "A/5 ", "STON/O2. "], rows), rng.integers(2_000, 4_000, rows), strict=True)]  # fmt: skip
    titles = np.where(sex == "male", "Mr.", "Miss.")
    return pd.DataFrame(
        {
            "PassengerId": np.arange(1, rows + 1),
            "Survived": _chance(rng, odds).astype(int),
            "Pclass": pclass,
            "Name": [
                f'{last.title()}, {title} "{first}" {code}'
                for last, first, title, code in zip(
                    _codes(rng, rows, 6), _codes(rng, rows, 5), titles, _codes(rng, rows, 4), strict=True
                )
            ],
            "Sex": sex,
            "Age": pd.Series(age).where(rng.random(rows) > 0.2),
            "SibSp": rng.poisson(0.5, rows),
            "Parch": rng.poisson(0.4, rows),
            "Ticket": ticket,
            "Fare": np.round(rng.gamma(1.2, 60 / pclass**2, rows) + 5, 4),
            "Cabin": pd.Series(cabin).where(rng.random(rows) > 0.77),
            "Embarked": pd.Series(_choice(rng, {"S": 72, "C": 19, "Q": 9}, rows)).where(rng.random(rows) > 0.003),
        }
    )


_QUALITY = {"Ex": 5, "Gd": 25, "TA": 60, "Fa": 8, "Po": 2}
_AMES_TEXT: dict[str, dict[str, float]] = {
    "MSZoning": {"RL": 78, "RM": 15, "FV": 5, "RH": 1, "C (all)": 1},
    "Street": {"Pave": 99.5, "Grvl": 0.5},
    "Alley": {"NA": 93.8, "Grvl": 3.4, "Pave": 2.8},
    "LotShape": {"Reg": 63, "IR1": 33, "IR2": 3, "IR3": 1},
    "LandContour": {"Lvl": 90, "Bnk": 4, "HLS": 4, "Low": 2},
    "Utilities": {"AllPub": 99.9, "NoSeWa": 0.1},
    "LotConfig": {"Inside": 72, "Corner": 18, "CulDSac": 6, "FR2": 3, "FR3": 1},
    "LandSlope": {"Gtl": 94, "Mod": 5, "Sev": 1},
    "Condition1": {"Norm": 86, "Feedr": 6, "Artery": 3, "RRAn": 2, "PosN": 3},
    "Condition2": {"Norm": 99, "Feedr": 1},
    "BldgType": {"1Fam": 83, "TwnhsE": 8, "Duplex": 4, "Twnhs": 3, "2fmCon": 2},
    "HouseStyle": {"1Story": 50, "2Story": 30, "1.5Fin": 11, "SLvl": 5, "SFoyer": 4},
    "RoofStyle": {"Gable": 78, "Hip": 20, "Flat": 2},
    "RoofMatl": {"CompShg": 98, "Tar&Grv": 2},
    "Exterior1st": {"VinylSd": 35, "HdBoard": 15, "MetalSd": 15, "Wd Sdng": 14, "Plywood": 8, "CemntBd": 13},
    "Exterior2nd": {"VinylSd": 35, "HdBoard": 15, "MetalSd": 15, "Wd Shng": 14, "Plywood": 8, "CmentBd": 13},
    "MasVnrType": {"None": 59, "BrkFace": 30, "Stone": 9, "BrkCmn": 1, "NA": 1},
    "ExterQual": _QUALITY,
    "ExterCond": _QUALITY,
    "Foundation": {"PConc": 44, "CBlock": 43, "BrkTil": 10, "Slab": 3},
    "BsmtQual": {**_QUALITY, "NA": 3},
    "BsmtCond": {**_QUALITY, "NA": 3},
    "BsmtExposure": {"No": 65, "Av": 15, "Gd": 9, "Mn": 8, "NA": 3},
    "BsmtFinType1": {"Unf": 30, "GLQ": 29, "ALQ": 15, "BLQ": 10, "Rec": 9, "LwQ": 4, "NA": 3},
    "BsmtFinType2": {"Unf": 86, "Rec": 4, "LwQ": 3, "BLQ": 2, "ALQ": 1, "GLQ": 1, "NA": 3},
    "Heating": {"GasA": 98, "GasW": 2},
    "HeatingQC": _QUALITY,
    "CentralAir": {"Y": 93, "N": 7},
    "Electrical": {"SBrkr": 91, "FuseA": 6, "FuseF": 2, "NA": 0.1},
    "KitchenQual": _QUALITY,
    "Functional": {"Typ": 93, "Min1": 2, "Min2": 3, "Mod": 2},
    "FireplaceQu": {**_QUALITY, "NA": 47},
    "GarageType": {"Attchd": 60, "Detchd": 27, "BuiltIn": 6, "CarPort": 1, "NA": 6},
    "GarageFinish": {"Unf": 41, "RFn": 29, "Fin": 24, "NA": 6},
    "GarageQual": {**_QUALITY, "NA": 6},
    "GarageCond": {**_QUALITY, "NA": 6},
    "PavedDrive": {"Y": 92, "N": 6, "P": 2},
    "PoolQC": {"NA": 99.5, "Gd": 0.2, "Ex": 0.3},
    "Fence": {"NA": 81, "MnPrv": 11, "GdPrv": 4, "GdWo": 4},
    "MiscFeature": {"NA": 96, "Shed": 4},
    "SaleType": {"WD": 87, "New": 8, "COD": 3, "ConLD": 2},
    "SaleCondition": {"Normal": 82, "Partial": 9, "Abnorml": 7, "Family": 2},
}  # fmt: skip
_AMES_COUNTS = {
    "BsmtFullBath": 2, "BsmtHalfBath": 2, "FullBath": 3, "HalfBath": 2, "BedroomAbvGr": 6, "KitchenAbvGr": 2,
    "TotRmsAbvGrd": 12, "Fireplaces": 3, "GarageCars": 4,
}  # fmt: skip
_AMES_AREAS = {
    "MasVnrArea": 100, "BsmtFinSF1": 440, "BsmtFinSF2": 46, "BsmtUnfSF": 560, "TotalBsmtSF": 1050, "1stFlrSF": 1160,
    "2ndFlrSF": 350, "LowQualFinSF": 5, "GarageArea": 470, "WoodDeckSF": 94, "OpenPorchSF": 47, "EnclosedPorch": 22,
    "3SsnPorch": 3, "ScreenPorch": 15, "PoolArea": 3, "MiscVal": 43,
}  # fmt: skip


def ames(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Houses that were sold, in 81 columns; ``NA`` says that there is no alley, no basement, no pool."""
    quality = rng.integers(2, 11, rows)
    area = np.round(rng.gamma(8, 190, rows)).astype(int)
    built = rng.integers(1900, 2011, rows)
    neighborhoods = {f"{name}": 1 + place % 4 for place, name in enumerate(_codes(np.random.default_rng(1), 25, 7))}
    columns: dict[str, Any] = {
        "Id": np.arange(1, rows + 1),
        "MSSubClass": rng.choice([20, 30, 50, 60, 70, 80, 90, 120, 160, 190], rows),
        "LotFrontage": pd.Series(rng.integers(21, 150, rows).astype(str)).where(rng.random(rows) > 0.18, "NA"),
        "LotArea": np.round(rng.gamma(4, 2_500, rows)).astype(int) + 1_300,
        "Neighborhood": _choice(rng, neighborhoods, rows),
        "OverallQual": quality,
        "OverallCond": rng.integers(1, 10, rows),
        "YearBuilt": built,
        "YearRemodAdd": np.maximum(built, rng.integers(1950, 2011, rows)),
        "GarageYrBlt": pd.Series(built.astype(str)).where(rng.random(rows) > 0.055, "NA"),
        "GrLivArea": area,
        "MoSold": rng.integers(1, 13, rows),
        "YrSold": rng.integers(2006, 2011, rows),
    }
    columns |= {name: _choice(rng, values, rows) for name, values in _AMES_TEXT.items()}
    columns |= {name: rng.binomial(top, 0.4, rows) for name, top in _AMES_COUNTS.items()}
    for name, mean in _AMES_AREAS.items():
        columns[name] = np.where(rng.random(rows) < 0.4, 0, np.round(rng.gamma(2, mean, rows))).astype(int)
    columns["MasVnrArea"] = pd.Series(columns["MasVnrArea"].astype(str)).where(rng.random(rows) > 0.005, "NA")
    price = np.exp(10.6 + 0.12 * quality + 0.0002 * area + 0.003 * (built - 1950) + rng.normal(0, 0.12, rows))
    columns["SalePrice"] = (np.round(price / 100) * 100).astype(int)
    return pd.DataFrame(columns)


def adult(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """People of a census; a question mark stands for what is not known, and a blank behind each comma."""
    schooling = {
        "HS-grad": 32,
        "Some-college": 22,
        "Bachelors": 17,
        "Masters": 6,
        "Assoc-voc": 4,
        "11th": 4,
        "Doctorate": 1,
    }
    years = {
        "HS-grad": 9,
        "Some-college": 10,
        "Bachelors": 13,
        "Masters": 14,
        "Assoc-voc": 11,
        "11th": 7,
        "Doctorate": 16,
    }
    education = _choice(rng, schooling, rows)
    number = np.array([years[text] for text in education])
    age = rng.integers(17, 91, rows)
    hours = rng.integers(1, 100, rows)
    marital = _choice(rng, {"Married-civ-spouse": 46, "Never-married": 33, "Divorced": 14, "Widowed": 3}, rows)
    odds = -7 + 0.33 * number + 2.2 * (marital == "Married-civ-spouse") + 0.02 * hours + 0.01 * age
    workclass = _choice(rng, {"Private": 70, "Self-emp-not-inc": 8, "Local-gov": 6, "State-gov": 4, "?": 6}, rows)
    occupations = ("Prof-specialty", "Craft-repair", "Exec-managerial", "Adm-clerical", "Sales", "Other-service")
    return pd.DataFrame(
        {
            "age": age,
            "workclass": workclass,
            "fnlwgt": rng.integers(12_285, 1_484_705, rows),
            "education": education,
            "education-num": number,
            "marital-status": marital,
            "occupation": np.where(workclass == "?", "?", rng.choice(occupations, rows)),
            "relationship": _choice(rng, {"Husband": 40, "Not-in-family": 26, "Own-child": 16, "Wife": 5}, rows),
            "race": _choice(rng, {"White": 85, "Black": 10, "Asian-Pac-Islander": 3, "Other": 1}, rows),
            "sex": _choice(rng, {"Male": 67, "Female": 33}, rows),
            "capital-gain": np.where(rng.random(rows) < 0.92, 0, rng.integers(100, 99_999, rows)),
            "capital-loss": np.where(rng.random(rows) < 0.95, 0, rng.integers(100, 4_000, rows)),
            "hours-per-week": hours,
            "native-country": _choice(
                rng, {"United-States": 90, "Mexico": 2, "?": 2, "Philippines": 1, "Germany": 1}, rows
            ),
            "income": _words(_chance(rng, odds), ">50K", "<=50K"),
        }
    )


def bank(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Calls of a bank; semicolons between the columns, quotes around text, ``unknown`` for what is not known."""
    duration = np.round(rng.gamma(1.2, 215, rows)).astype(int)
    outcome = _choice(rng, {"unknown": 82, "failure": 11, "success": 3, "other": 4}, rows)
    odds = -3.6 + 0.004 * duration + 2.2 * (outcome == "success")
    jobs = ("admin.", "blue-collar", "technician", "services", "management", "retired", "student", "unknown")
    months = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
    return pd.DataFrame(
        {
            "age": rng.integers(18, 96, rows),
            "job": rng.choice(jobs, rows),
            "marital": _choice(rng, {"married": 60, "single": 28, "divorced": 12}, rows),
            "education": _choice(rng, {"secondary": 51, "tertiary": 30, "primary": 15, "unknown": 4}, rows),
            "default": _words(rng.random(rows) < 0.02, "yes", "no"),
            "balance": np.round(rng.normal(1_300, 3_000, rows)).astype(int),
            "housing": _words(rng.random(rows) < 0.55, "yes", "no"),
            "loan": _words(rng.random(rows) < 0.16, "yes", "no"),
            "contact": _choice(rng, {"cellular": 65, "unknown": 29, "telephone": 6}, rows),
            "day": rng.integers(1, 32, rows),
            "month": rng.choice(months, rows),
            "duration": duration,
            "campaign": 1 + rng.poisson(1.8, rows),
            "pdays": np.where(outcome == "unknown", -1, rng.integers(1, 872, rows)),
            "previous": np.where(outcome == "unknown", 0, rng.integers(1, 10, rows)),
            "poutcome": outcome,
            "y": _words(_chance(rng, odds), "yes", "no"),
        }
    )


def taxi(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Trips in taxis, with two times and some 260 zones at either end."""
    start = pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 30 * 86_400, rows), unit="s")
    distance = np.round(rng.gamma(1.3, 2.2, rows) + 0.3, 2)
    minutes = 3 + 4.2 * distance * rng.lognormal(0, 0.35, rows)
    weights = rng.gamma(0.4, 1.0, (2, 262)) + 0.01
    zones = [rng.choice(np.arange(1, 263), rows, p=of_end / of_end.sum()) for of_end in weights]
    airport = (zones[0] == 132) | (zones[1] == 132)
    fare = 3 + 1.6 * distance + 0.55 * minutes + 8 * airport + rng.normal(0, 1.5, rows)
    return pd.DataFrame(
        {
            "VendorID": rng.choice([1, 2], rows),
            "tpep_pickup_datetime": start.strftime("%Y-%m-%d %H:%M:%S"),
            "tpep_dropoff_datetime": (start + pd.to_timedelta((minutes * 60).astype(int), unit="s")).strftime(
                "%Y-%m-%d %H:%M:%S"
            ),
            "passenger_count": pd.Series(rng.integers(1, 7, rows).astype(float)).where(rng.random(rows) > 0.03),
            "trip_distance": distance,
            "RatecodeID": _choice(rng, {"1": 94, "2": 4, "5": 2}, rows).astype(int),
            "store_and_fwd_flag": _words(rng.random(rows) < 0.01, "Y", "N"),
            "PULocationID": zones[0],
            "DOLocationID": zones[1],
            "payment_type": _choice(rng, {"1": 80, "2": 17, "3": 1, "4": 2}, rows).astype(int),
            "fare_amount": np.round(fare.clip(3), 2),
        }
    )


def _codes(rng: np.random.Generator, count: int, length: int) -> list[str]:
    letters = rng.integers(0, 26, (count, length)) + ord("A")
    return ["".join(map(chr, row)) for row in letters]


TABLES = {
    table.name: table
    for table in (
        MadeUpTable("telco", "Churn", "classification", telco, 7_043, "telco.csv"),
        MadeUpTable("titanic", "Survived", "classification", titanic, 891, "titanic.csv"),
        MadeUpTable("ames", "SalePrice", "regression", ames, 1_460, "ames.csv"),
        MadeUpTable("adult", "income", "classification", adult, 6_000, "adult.csv", blanks=True),
        MadeUpTable("bank", "y", "classification", bank, 4_521, "bank.csv", delimiter=";", quoted=True),
        MadeUpTable("taxi", "fare_amount", "regression", taxi, 6_000, "taxi.csv"),
    )
}
"""By name."""
