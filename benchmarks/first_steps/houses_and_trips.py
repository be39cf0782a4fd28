"""Tables of houses that were sold and of taxi trips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.first_steps.draws import choice, codes, words

_QUALITY: dict[str, float] = {"Ex": 5, "Gd": 25, "TA": 60, "Fa": 8, "Po": 2}
_AMES_TEXT: Mapping[str, Mapping[str, float]] = {
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
    """Houses that were sold, in 81 columns; ``NA`` means no alley, no basement, no pool."""
    quality = rng.integers(2, 11, rows)
    area = np.round(rng.gamma(8, 190, rows)).astype(int)
    year_built = rng.integers(1900, 2011, rows)
    neighborhoods = {f"{name}": 1 + place % 4 for place, name in enumerate(codes(np.random.default_rng(1), 25, 7))}
    columns: dict[str, Any] = {
        "Id": np.arange(1, rows + 1),
        "MSSubClass": rng.choice([20, 30, 50, 60, 70, 80, 90, 120, 160, 190], rows),
        "LotFrontage": pd.Series(rng.integers(21, 150, rows).astype(str)).where(rng.random(rows) > 0.18, "NA"),
        "LotArea": np.round(rng.gamma(4, 2_500, rows)).astype(int) + 1_300,
        "Neighborhood": choice(rng, neighborhoods, rows),
        "OverallQual": quality,
        "OverallCond": rng.integers(1, 10, rows),
        "YearBuilt": year_built,
        "YearRemodAdd": np.maximum(year_built, rng.integers(1950, 2011, rows)),
        "GarageYrBlt": pd.Series(year_built.astype(str)).where(rng.random(rows) > 0.055, "NA"),
        "GrLivArea": area,
        "MoSold": rng.integers(1, 13, rows),
        "YrSold": rng.integers(2006, 2011, rows),
    }
    columns |= {name: choice(rng, values, rows) for name, values in _AMES_TEXT.items()}
    columns |= {name: rng.binomial(top, 0.4, rows) for name, top in _AMES_COUNTS.items()}
    for name, mean in _AMES_AREAS.items():
        columns[name] = np.where(rng.random(rows) < 0.4, 0, np.round(rng.gamma(2, mean, rows))).astype(int)
    columns["MasVnrArea"] = pd.Series(columns["MasVnrArea"].astype(str)).where(rng.random(rows) > 0.005, "NA")
    price = np.exp(10.6 + 0.12 * quality + 0.0002 * area + 0.003 * (year_built - 1950) + rng.normal(0, 0.12, rows))
    columns["SalePrice"] = (np.round(price / 100) * 100).astype(int)
    return pd.DataFrame(columns)


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
            "RatecodeID": choice(rng, {"1": 94, "2": 4, "5": 2}, rows).astype(int),
            "store_and_fwd_flag": words(rng.random(rows) < 0.01, "Y", "N"),
            "PULocationID": zones[0],
            "DOLocationID": zones[1],
            "payment_type": choice(rng, {"1": 80, "2": 17, "3": 1, "4": 2}, rows).astype(int),
            "fare_amount": np.round(fare.clip(3), 2),
        }
    )
