"""Tables of people: customers of a telephone company, passengers, a census, calls of a bank."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.first_steps.draws import chance, choice, codes, words


def telco(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Customers of a telephone company; TotalCharges is blank for customers in their first month."""
    tenure = rng.integers(0, 73, rows)
    internet = choice(rng, {"DSL": 34, "Fiber optic": 44, "No": 22}, rows)
    contract = choice(rng, {"Month-to-month": 55, "One year": 21, "Two year": 24}, rows)
    monthly = np.round(18 + 22 * (internet == "DSL") + 55 * (internet == "Fiber optic") + rng.gamma(2, 5, rows), 2)
    total = np.round(monthly * tenure * rng.uniform(0.95, 1.05, rows), 2)
    odds = -1.3 + 1.4 * (contract == "Month-to-month") + 0.9 * (internet == "Fiber optic") - 0.035 * tenure
    columns: dict[str, Any] = {
        "customerID": [f"{number:04d}-{code}" for number, code in enumerate(codes(rng, rows, 5))],
        "gender": choice(rng, {"Female": 1, "Male": 1}, rows),
        "SeniorCitizen": (rng.random(rows) < 0.16).astype(int),
        "Partner": words(rng.random(rows) < 0.48),
        "Dependents": words(rng.random(rows) < 0.3),
        "tenure": tenure,
        "PhoneService": words(rng.random(rows) < 0.9),
        "MultipleLines": choice(rng, {"No": 48, "Yes": 42, "No phone service": 10}, rows),
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
        has = words(rng.random(rows) < 0.4)
        columns[service] = np.where(internet == "No", "No internet service", has)
    payment = {
        "Electronic check": 34,
        "Mailed check": 23,
        "Bank transfer (automatic)": 22,
        "Credit card (automatic)": 21,
    }
    columns |= {
        "Contract": contract,
        "PaperlessBilling": words(rng.random(rows) < 0.59),
        "PaymentMethod": choice(rng, payment, rows),
        "MonthlyCharges": monthly,
        "TotalCharges": np.where(tenure == 0, " ", total.astype(str)),
        "Churn": words(chance(rng, odds)),
    }
    return pd.DataFrame(columns)


def titanic(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Passengers of a ship; three in four have no cabin, one in five no age."""
    pclass = choice(rng, {"1": 24, "2": 21, "3": 55}, rows).astype(int)
    sex = choice(rng, {"male": 65, "female": 35}, rows)
    age = np.round(rng.gamma(5, 6, rows).clip(0.4, 80) * 2) / 2
    cabin = np.array([f"{deck}{number}" for deck, number in zip(rng.choice(list("ABCDE"), rows), rng.integers(1, 130, rows), strict=True)], dtype=object)  # fmt: skip
    odds = -0.6 + 2.6 * (sex == "female") - 0.9 * (pclass - 2) - 0.02 * (age - 30)
    ticket = [f"{prefix}{number}" for prefix, number in zip(rng.choice(["", "PC ", "A/5 ", "STON/O2. "], rows), rng.integers(2_000, 4_000, rows), strict=True)]  # fmt: skip
    titles = np.where(sex == "male", "Mr.", "Miss.")
    return pd.DataFrame(
        {
            "PassengerId": np.arange(1, rows + 1),
            "Survived": chance(rng, odds).astype(int),
            "Pclass": pclass,
            "Name": [
                f'{last.title()}, {title} "{first}" {code}'
                for last, first, title, code in zip(
                    codes(rng, rows, 6), codes(rng, rows, 5), titles, codes(rng, rows, 4), strict=True
                )
            ],
            "Sex": sex,
            "Age": pd.Series(age).where(rng.random(rows) > 0.2),
            "SibSp": rng.poisson(0.5, rows),
            "Parch": rng.poisson(0.4, rows),
            "Ticket": ticket,
            "Fare": np.round(rng.gamma(1.2, 60 / pclass**2, rows) + 5, 4),
            "Cabin": pd.Series(cabin).where(rng.random(rows) > 0.77),
            "Embarked": pd.Series(choice(rng, {"S": 72, "C": 19, "Q": 9}, rows)).where(rng.random(rows) > 0.003),
        }
    )


def adult(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """People of a census; a question mark represents an unknown value, and each comma is followed by a blank."""
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
    education = choice(rng, schooling, rows)
    number = np.array([years[text] for text in education])
    age = rng.integers(17, 91, rows)
    hours = rng.integers(1, 100, rows)
    marital = choice(rng, {"Married-civ-spouse": 46, "Never-married": 33, "Divorced": 14, "Widowed": 3}, rows)
    odds = -7 + 0.33 * number + 2.2 * (marital == "Married-civ-spouse") + 0.02 * hours + 0.01 * age
    workclass = choice(rng, {"Private": 70, "Self-emp-not-inc": 8, "Local-gov": 6, "State-gov": 4, "?": 6}, rows)
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
            "relationship": choice(rng, {"Husband": 40, "Not-in-family": 26, "Own-child": 16, "Wife": 5}, rows),
            "race": choice(rng, {"White": 85, "Black": 10, "Asian-Pac-Islander": 3, "Other": 1}, rows),
            "sex": choice(rng, {"Male": 67, "Female": 33}, rows),
            "capital-gain": np.where(rng.random(rows) < 0.92, 0, rng.integers(100, 99_999, rows)),
            "capital-loss": np.where(rng.random(rows) < 0.95, 0, rng.integers(100, 4_000, rows)),
            "hours-per-week": hours,
            "native-country": choice(
                rng, {"United-States": 90, "Mexico": 2, "?": 2, "Philippines": 1, "Germany": 1}, rows
            ),
            "income": words(chance(rng, odds), ">50K", "<=50K"),
        }
    )


def bank(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Calls of a bank; semicolons between the columns, quotes around text, ``unknown`` for an unknown value."""
    duration = np.round(rng.gamma(1.2, 215, rows)).astype(int)
    outcome = choice(rng, {"unknown": 82, "failure": 11, "success": 3, "other": 4}, rows)
    odds = -3.6 + 0.004 * duration + 2.2 * (outcome == "success")
    jobs = ("admin.", "blue-collar", "technician", "services", "management", "retired", "student", "unknown")
    months = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
    return pd.DataFrame(
        {
            "age": rng.integers(18, 96, rows),
            "job": rng.choice(jobs, rows),
            "marital": choice(rng, {"married": 60, "single": 28, "divorced": 12}, rows),
            "education": choice(rng, {"secondary": 51, "tertiary": 30, "primary": 15, "unknown": 4}, rows),
            "default": words(rng.random(rows) < 0.02, "yes", "no"),
            "balance": np.round(rng.normal(1_300, 3_000, rows)).astype(int),
            "housing": words(rng.random(rows) < 0.55, "yes", "no"),
            "loan": words(rng.random(rows) < 0.16, "yes", "no"),
            "contact": choice(rng, {"cellular": 65, "unknown": 29, "telephone": 6}, rows),
            "day": rng.integers(1, 32, rows),
            "month": rng.choice(months, rows),
            "duration": duration,
            "campaign": 1 + rng.poisson(1.8, rows),
            "pdays": np.where(outcome == "unknown", -1, rng.integers(1, 872, rows)),
            "previous": np.where(outcome == "unknown", 0, rng.integers(1, 10, rows)),
            "poutcome": outcome,
            "y": words(chance(rng, odds), "yes", "no"),
        }
    )
