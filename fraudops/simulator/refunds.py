"""The refunds and reversals of the course world. They are drawn from streams of their own, so the
purchases do not depend on them.
"""

import numpy as np

from fraudops.simulator.config import SimulatorConfig, encode_fraud_kind
from fraudops.simulator.geography import Geography, sample_second_of_day
from fraudops.simulator.rng import CounterRng
from fraudops.timeline import DAY

# share of the purchases in each of `geography.MERCHANT_CATEGORIES` that come back
REFUND_SHARES = np.array([0.006, 0.002, 0.003, 0.01, 0.06, 0.04, 0.035, 0.008])
ONLINE_REFUND_FACTOR = 1.5  # of goods that the customer has not seen before
MEDIAN_REFUND_DAYS = 4
PARTIAL_REFUND_SHARE = 0.25  # of refunds; the others give the whole amount back
REVERSAL_SHARE = 0.004  # of purchases that are cancelled at the till, minutes later
TEST_REVERSAL_SHARE = 0.5  # of the small purchases that test a stolen card
MAX_TEST_CENTS = 700  # of such a purchase
MAX_REVERSAL_MINUTES = 15


def simulate_refunds(
    c: SimulatorConfig, town: Geography, tx: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Simulate what comes back of the purchases of a world.

    Honest customers bring goods back days later, or the till cancels a purchase. Someone who tests
    a stolen card cancels small purchases, so that its holder sees no charge. Other frauds end in a
    chargeback, which is a label and no refund.

    Parameters
    ----------
    tx : columns of all purchases, each (n,): tx_id, ts (s from the world's start), customer_id,
        terminal_id, amount_cents, category, channel, lat, lon, kind (code of the fraud)

    Returns
    -------
    The same columns of the refunds, each (m,). ``tx_id`` is that of the purchase, the amount is
    negative, and ``kind`` is 0 for a refund and 1 for a reversal. At most one row for a purchase.
    """

    def draw(name: str) -> np.ndarray:
        return CounterRng(c.seed, f"refund {name}").uniform(tx["tx_id"])

    share = REFUND_SHARES[tx["category"]] * np.where(tx["channel"] == 2, ONLINE_REFUND_FACTOR, 1)
    is_genuine, lot = tx["kind"] == 0, draw("lot")
    is_test = tx["kind"] == encode_fraud_kind("card_testing")
    is_test &= tx["amount_cents"] <= MAX_TEST_CENTS
    is_reversal = (is_genuine & (lot < REVERSAL_SHARE)) | (is_test & (lot < TEST_REVERSAL_SHARE))
    is_refund = is_genuine & ~is_reversal & (lot < REVERSAL_SHARE + share)
    chosen = np.flatnonzero(is_reversal | is_refund)
    tx = {name: values[chosen] for name, values in tx.items()}
    is_reversal = is_reversal[chosen]

    wait = MEDIAN_REFUND_DAYS * np.exp(0.7 * CounterRng(c.seed, "refund wait").normal(tx["tx_id"]))
    days = tx["ts"] // DAY + 1 + wait.astype(np.int64)
    at_till = days * DAY + sample_second_of_day(draw("time"), np.zeros(len(chosen), bool))
    soon = tx["ts"] + 60 + (60 * (MAX_REVERSAL_MINUTES - 1) * draw("minutes")).astype(np.int64)
    part = np.where(draw("is partial") < PARTIAL_REFUND_SHARE, 0.2 + 0.6 * draw("part"), 1)
    cents = np.rint(tx["amount_cents"] * np.where(is_reversal, 1, part)).astype(np.int64)
    back = tx | {
        "ts": np.where(is_reversal, soon, at_till),
        "amount_cents": -np.maximum(cents, 1),
        "kind": is_reversal.astype(np.int8),
    }
    day, shop = back["ts"] // DAY, back["terminal_id"]
    inside = (day < c.days) & (day < town.closes[shop])
    return {name: values[inside] for name, values in back.items()}
