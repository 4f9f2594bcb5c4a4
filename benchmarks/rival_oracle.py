"""What the Handbook's law lets anybody reach: scores of a detector that knows the law and every
label that has arrived.

It knows each customer's true mean amount, and of each reported fraud which scenario it was. It does
not know what no label has told yet: in the first week of a compromise a terminal's frauds look like
any other payment. No model can be expected to do better than this on average, so a target above
these figures is missed for the law's sake.
"""

import numpy as np
import pandas as pd
from scipy.stats import norm

from fraudops.simulator import CounterRng
from fraudops.timeline import DAY, LABEL_MATURITY_DAYS

CUSTOMERS, TERMINALS = 5000, 10_000
TERMINAL_RATE, TERMINAL_DAYS = 2 / TERMINALS, 28  # compromises a day, and how long one lasts
CUSTOMER_RATE, CUSTOMER_DAYS = 3 / CUSTOMERS, 14
STRUCK = 1 / 3  # of a compromised customer's payments
LARGE = 22_000


def terminal_chance(today: int, days: np.ndarray, bad: np.ndarray) -> float:
    """Probability that a terminal is compromised today.

    Parameters
    ----------
    today : day number
    days, bad : (n,) days of its payments of known outcome in time order, and whether each was a
        fraud of the terminal
    """
    good = np.flatnonzero(~bad)
    clear = days[good[-1]] if len(good) else -1
    run = days[good[-1] + 1 :] if len(good) else days
    if len(run) == 0:  # it may have begun on any day since
        return TERMINAL_RATE * (today - max(clear, today - TERMINAL_DAYS))
    # after this day, at the latest on that of the first fraud
    begun = max(clear, run[-1] - TERMINAL_DAYS)
    starts = run[0] - begun
    still = run[0] - max(begun, today - TERMINAL_DAYS)
    over = 1 - max(still, 0) / starts if starts > 0 else 0.5
    return 1 - over * (1 - LABEL_MATURITY_DAYS * TERMINAL_RATE)


def _density(amount: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Of an honest payment: normal, and uniform to twice the mean where the normal draw was
    negative.
    """
    again = (amount >= 0) & (amount < 2 * mean)
    return norm.pdf(amount, mean, mean / 2) + norm.cdf(-2) / (2 * mean) * again


def customer_chance(today: int, days: np.ndarray, evidence: np.ndarray) -> float:
    """Probability that a customer is compromised today, from the likelihood ratios (n,) of the
    payments of the last days.
    """
    starts = range(today - CUSTOMER_DAYS + 1, today + 1)
    odds = CUSTOMER_RATE * sum(np.prod(evidence[days >= start]) for start in starts)
    return odds / (1 + odds)


def scores(tx: pd.DataFrame, rows: np.ndarray, seed: int) -> np.ndarray:
    """Probability of fraud (m,) of some rows of a simulated Handbook world.

    Parameters
    ----------
    tx : (n, ...) a whole world in time order: ts, customer_id, terminal_id (numbers as text),
        amount_cents, kind
    rows : (m,) row numbers
    seed : of that world
    """
    ts, cents = tx["ts"].to_numpy(), tx["amount_cents"].to_numpy()
    day = (ts - ts[0]) // DAY
    terminal, customer = (
        tx[name].to_numpy(dtype=np.int64) for name in ("terminal_id", "customer_id")
    )
    by_terminal, by_card = ((tx["kind"] == kind).to_numpy() for kind in ("terminal", "customer"))
    mean = (5 + 95 * CounterRng(seed, "handbook mean amount").uniform(np.arange(CUSTOMERS)))[
        customer
    ]
    honest = _density(cents / 100, mean)
    struck = _density(cents / 500, mean) / 5
    ratio = np.minimum(1 - STRUCK + STRUCK * struck / np.maximum(honest, 1e-300), 1e12)
    at_terminal = pd.Series(terminal).groupby(terminal).indices
    of_customer = pd.Series(customer).groupby(customer).indices

    p = np.ones(len(rows))
    for number, row in enumerate(rows):
        if cents[row] > LARGE:
            continue  # always a fraud, by the law
        arrived = ts[row] - LABEL_MATURITY_DAYS * DAY
        past = at_terminal[terminal[row]]
        # a fraud of the card says nothing of the terminal
        past = past[(ts[past] <= arrived) & ~by_card[past]]
        bad_terminal = terminal_chance(day[row], day[past], by_terminal[past])
        past = of_customer[customer[row]]
        past = past[(past < row) & (day[past] > day[row] - CUSTOMER_DAYS)]
        told = np.where(by_card[past], 1e9, 1 - STRUCK)
        bad_customer = customer_chance(
            day[row], day[past], np.where(ts[past] <= arrived, told, ratio[past])
        )
        by_this_card = bad_customer * STRUCK * struck[row]
        otherwise = (1 - bad_customer * STRUCK) * honest[row]
        p[number] = 1 - (1 - bad_terminal) * otherwise / max(by_this_card + otherwise, 1e-300)
    return p
