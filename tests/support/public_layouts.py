"""Small files in the layouts of public data sets, with frauds that a model can learn."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from fraudops.timeline import DAY

HOUR = 3600
CATEGORIES = ("grocery_pos", "gas_transport", "misc_net", "shopping_net", "travel", "food_dining")


def make_events(
    n: int, days: int, start: str, n_customers: int = 120, n_terminals: int = 60, seed: int = 0
) -> pd.DataFrame:
    """Make transactions in time order; every thirtieth one is a fraud on a stolen card.

    Parameters
    ----------
    n : int
        Rows.
    days : int
    start : str
        First day.
    n_customers, n_terminals, seed : int, optional

    Returns
    -------
    DataFrame
        ``ts`` (s), ``customer``, ``terminal``, ``kind`` (number of a category), ``amount`` and
        ``fraud``.
    """
    random = np.random.default_rng(seed)
    first = int(pd.Timestamp(start, tz="UTC").timestamp())
    # fewer transactions at night
    hour = random.choice(24, n, p=np.repeat([2, 5, 6], 8) / 104)
    ts = first + random.integers(0, days, n) * DAY + hour * HOUR + random.integers(0, HOUR, n)
    customer = random.integers(0, n_customers, n)
    amount = random.lognormal(2.5 + customer % 5 / 4, 0.7)
    fraud = np.zeros(n, int)
    n_stolen = n // 120  # four frauds on each
    spread = min(2 * DAY, days * DAY // 10)
    stolen = random.permutation(n)[: 4 * n_stolen].reshape(n_stolen, 4)
    for rows in stolen:
        ts[rows] = first + random.integers(0, days * DAY - spread) + random.integers(0, spread, 4)
        customer[rows] = customer[rows[0]]
        amount[rows] *= random.uniform(4, 12, 4)
        fraud[rows] = 1
    events = pd.DataFrame(
        {
            "ts": ts,
            "customer": customer,
            "terminal": random.integers(0, n_terminals, n),
            "kind": random.integers(0, len(CATEGORIES), n),
            "amount": amount.round(2),
            "fraud": fraud,
        }
    )
    return events.sort_values("ts", kind="stable", ignore_index=True)


def make_ulb(n: int = 6000) -> pd.DataFrame:
    """Make the Kaggle credit-card file: two days, no customers, V1 to V28."""
    events = make_events(n, 2, "2013-09-01", seed=1)
    random = np.random.default_rng(1)
    values = random.normal(size=(n, 28)).round(6)
    values[:, [13, 3, 11]] += events[["fraud"]].to_numpy() * [-2, 1.5, -1.5]
    numbers = pd.DataFrame(values, columns=[f"V{one}" for one in range(1, 29)])
    time = (events["ts"] - events["ts"].iloc[0]).astype(float)
    numbers.insert(0, "Time", time)
    return numbers.assign(Amount=events["amount"], Class=events["fraud"])


def make_paysim(n: int = 8000) -> pd.DataFrame:
    """Make a PaySim file: steps of an hour, customers who come once, transfers to mules."""
    events = make_events(n, 31, "2026-01-01", n_terminals=400, seed=2)
    random = np.random.default_rng(2)
    step = (events["ts"] - events["ts"].iloc[0]) // HOUR + 1
    kinds = random.choice(["CASH_OUT", "PAYMENT", "CASH_IN", "TRANSFER", "DEBIT"], n)
    fraud = events["fraud"] == 1
    kinds[fraud] = random.choice(["CASH_OUT", "TRANSFER"], fraud.sum())
    amount = (events["amount"] * 1000).round(2)
    before = (amount * random.uniform(0, 3, n)).round(2).where(~fraud, amount)
    return pd.DataFrame(
        {
            "step": step,
            "type": kinds,
            "amount": amount,
            "nameOrig": [f"C{1_000_000 + one}" for one in range(n)],
            "oldbalanceOrg": before,
            "newbalanceOrig": (before - amount).clip(lower=0).round(2),
            "nameDest": np.where(kinds == "PAYMENT", "M", "C") + events["terminal"].astype(str),
            "oldbalanceDest": (random.uniform(0, 9e6, n).round(2)) * (kinds != "PAYMENT"),
            "newbalanceDest": 0.0,
            "isFraud": events["fraud"],
            "isFlaggedFraud": 0,
        }
    )


def make_ibm(n: int = 8000) -> pd.DataFrame:
    """Make IBM's card file: users with cards, dollars, refunds and errors."""
    events = make_events(n, 120, "2018-01-01", seed=3)
    random = np.random.default_rng(3)
    when = pd.to_datetime(events["ts"], unit="s")
    fraud = events["fraud"] == 1
    use = np.array(["Swipe Transaction", "Chip Transaction", "Online Transaction"])
    chosen = use[np.where(fraud, 2, events["kind"] % 3)]
    online = chosen == use[2]
    is_refund = (random.random(n) < 0.04) & ~fraud
    amount = events["amount"].where(~is_refund, -events["amount"])
    return pd.DataFrame(
        {
            "User": events["customer"] // 2,
            "Card": events["customer"] % 2,
            "Year": when.dt.year,
            "Month": when.dt.month,
            "Day": when.dt.day,
            "Time": when.dt.strftime("%H:%M"),
            "Amount": "$" + amount.map("{:.2f}".format),
            "Use Chip": chosen,
            "Merchant Name": 3_527_213_246_127_876_953 - events["terminal"] * 10**17,
            "Merchant City": np.where(online, "ONLINE", "La Verne"),
            "Merchant State": np.where(online, "", "CA"),
            "Zip": np.where(online, "", "91750.0"),
            "MCC": 5300 + events["kind"],
            "Errors?": np.where(random.random(n) < 0.02, "Insufficient Balance,", ""),
            "Is Fraud?": np.where(fraud, "Yes", "No"),
        }
    )


def make_sparkov(n: int = 8000) -> pd.DataFrame:
    """Make a Sparkov export after a spreadsheet: dates with slashes, hours without seconds."""
    events = make_events(n, 120, "2019-01-01", seed=4)
    when = pd.to_datetime(events["ts"], unit="s")
    day = when.dt.month.astype(str) + "/" + when.dt.day.astype(str) + "/" + when.dt.year.astype(str)
    names = np.where(events["terminal"] % 2, "fraud_Kutch ", "fraud_Rippin, Kub and Mann ")
    category = np.where(events["fraud"] == 1, "shopping_net", np.array(CATEGORIES)[events["kind"]])
    return pd.DataFrame(
        {
            "": np.arange(n),
            "trans_date_trans_time": day + when.dt.strftime(" %H:%M").str.replace(" 0", " "),
            "cc_num": 2_703_186_189_652_095 + events["customer"],
            "merchant": names + events["terminal"].astype(str),
            "category": category,
            "amt": events["amount"],
            "first": "Jennifer",
            "trans_num": [f"0b242abb623afc578575680df30655{one:04x}" for one in range(n)],
            "unix_time": events["ts"],
            "merch_lat": 36 + events["terminal"] / 100,
            "merch_long": -82.0,
            "is_fraud": events["fraud"],
        }
    )


def make_handbook(n: int = 8000) -> pd.DataFrame:
    """Make the table of the Fraud Detection Handbook."""
    events = make_events(n, 120, "2018-04-01", seed=5)
    first = events["ts"].iloc[0] // DAY * DAY
    return pd.DataFrame(
        {
            "TRANSACTION_ID": np.arange(n),
            "TX_DATETIME": pd.to_datetime(events["ts"], unit="s"),
            "CUSTOMER_ID": events["customer"].astype(str),
            "TERMINAL_ID": events["terminal"].astype(str),
            "TX_AMOUNT": events["amount"],
            "TX_TIME_SECONDS": events["ts"] - first,
            "TX_TIME_DAYS": (events["ts"] - first) // DAY,
            "TX_FRAUD": events["fraud"],
            "TX_FRAUD_SCENARIO": events["fraud"],
        }
    )


LAYOUTS: dict[str, Callable[..., pd.DataFrame]] = {
    "ulb": make_ulb,
    "paysim": make_paysim,
    "ibm": make_ibm,
    "sparkov": make_sparkov,
    "handbook": make_handbook,
}


def write_layout(name: str, folder: Path) -> Path:
    """Write the file of a layout as it is published.

    Parameters
    ----------
    name : str
        One of `LAYOUTS`.
    folder : Path

    Returns
    -------
    Path
        The file; for the Handbook a folder with a pickled table for each day.
    """
    frame = LAYOUTS[name]()
    if name == "handbook":
        place = folder / name
        place.mkdir()
        for day, rows in frame.groupby(frame["TX_DATETIME"].dt.date):
            rows.to_pickle(place / f"{day}.pkl")
        return place
    file = folder / f"{name}.csv"
    quoting = csv.QUOTE_NONNUMERIC if name == "ulb" else csv.QUOTE_MINIMAL
    if name == "ulb":  # the published file has its labels in quotation marks
        frame["Class"] = frame["Class"].astype(str)
    frame.to_csv(file, index=False, quoting=quoting)
    if name == "sparkov":
        file.write_text(_quote_whole_rows(file.read_text()))
    return file


def _quote_whole_rows(text: str) -> str:
    """Put rows with a quotation mark in quotation marks, as some spreadsheets do."""
    lines = (
        '"' + line.replace('"', '""') + '"' if '"' in line else line for line in text.splitlines()
    )
    return "\n".join(lines) + "\n"
