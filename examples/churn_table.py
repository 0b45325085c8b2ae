"""A table of customers of whom a quarter left, made up: what the notebook `churn.py` learns from.

Who leaves depends on contract, tenure, support calls, price and how recently somebody logged in,
not in straight lines, and on chance. The customer's number and the region say nothing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

ROWS = 2_000
LEAVING = 0.25


def churn_table(rows: int = ROWS, seed: int = 7) -> pd.DataFrame:
    """Make the table.

    Parameters
    ----------
    rows
        Customers.
    seed
        The same seed makes the same table.

    Returns
    -------
    DataFrame
        ``customer_id``, ``signup_date``, ``plan``, ``contract``, ``payment``, ``region``,
        ``tenure_months``, ``monthly_charge``, ``support_calls``, ``days_since_login``, and
        ``churned``, "yes" for a quarter of the rows. About 5 % of the cells of three columns are
        missing.
    """
    rng = np.random.default_rng(seed)
    plan = rng.choice(["basic", "plus", "pro"], rows, p=[0.5, 0.3, 0.2])
    contract = rng.choice(["monthly", "yearly"], rows, p=[0.6, 0.4])
    payment = rng.choice(["card", "transfer", "wallet"], rows)
    region = rng.choice(["north", "south", "east", "west"], rows)
    tenure = rng.integers(1, 73, rows)
    price = pd.Series(plan).map({"basic": 19.0, "plus": 35.0, "pro": 60.0}).to_numpy()
    charge = np.round(price * rng.uniform(0.85, 1.25, rows), 2)
    calls = rng.poisson(1.2, rows)
    days = np.round(rng.exponential(12.0, rows)).astype(int)

    monthly = contract == "monthly"
    risk = (
        1.5 * monthly
        - 0.035 * tenure
        + 0.7 * np.maximum(calls - 1, 0)
        # Long without a login matters for those who may leave at any time.
        + 0.07 * np.minimum(days, 40) * monthly
        + 3.0 * (charge / price - 1.0)
        + 0.4 * (payment == "transfer")
    )
    drawn = risk + rng.logistic(scale=0.7, size=rows)
    churned = drawn > np.quantile(drawn, 1.0 - LEAVING)

    signup = np.datetime64("2026-06-30") - (30 * tenure + rng.integers(0, 30, rows))
    table = pd.DataFrame(
        {
            "customer_id": [f"C{number:05d}" for number in rng.permutation(rows) + 1],
            "signup_date": signup.astype(str),
            "plan": plan,
            "contract": contract,
            "payment": payment,
            "region": region,
            "tenure_months": tenure,
            "monthly_charge": charge,
            "support_calls": calls.astype(float),
            "days_since_login": days.astype(float),
            "churned": np.where(churned, "yes", "no"),
        }
    )
    for column in ("support_calls", "days_since_login", "payment"):
        table.loc[rng.random(rows) < 0.05, column] = None
    return table
