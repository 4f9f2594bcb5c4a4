"""The fraud of the ``course`` world: campaigns that begin at random and last for days, laid over
the genuine traffic.

A fraudulent transaction either follows the habits of its kind or imitates the card holder: amounts,
hours and places like the genuine ones. The difficulty of the world is the share that imitates; a
drift of adapting fraud raises it.
"""

import numpy as np
import pandas as pd

from fraudops.simulator.config import TX_ID_SLOTS_PER_DAY, SimulatorConfig, encode_fraud_kind
from fraudops.simulator.geography import (
    CATEGORY_AMOUNT_FACTORS,
    MERCHANT_CATEGORIES,
    Geography,
    sample_second_of_day,
)
from fraudops.simulator.purchases import (
    is_weekend_night,
    sample_customer_lifetimes,
    sample_usual_amounts,
)
from fraudops.simulator.rng import CounterRng
from fraudops.timeline import DAY

# kind: chance per entity and day that a campaign begins, its length in days
FRAUD_CAMPAIGNS = {
    "terminal": (5e-4, 14),
    "card_testing": (3.5e-4, 2),
    "leaked_card": (4.5e-4, 7),
    "stolen_card": (4.5e-4, 1),
    "account_takeover": (3.5e-4, 3),
}
# transactions of one campaign
MAX_CAMPAIGN_TRANSACTIONS = {
    "card_testing": 9,
    "leaked_card": 12,
    "stolen_card": 9,
    "account_takeover": 9,
}
FRIENDLY_FRAUD_SHARE = 1.5e-3  # share of online purchases denied by the card holder
COMPROMISED_TERMINAL_FRAUD_SHARE = (
    0.9  # of a compromised terminal's transactions, if none imitates; a fifth of that if all do
)
FRAUD_WAVE_FACTOR = (
    8.0  # how many times more leaked cards in a fraud wave, as after a breach at a large merchant
)
NEW_TERMINAL_RISK_FACTOR = (
    3.0  # how many times more often a merchant of a drift of new terminals is compromised
)
MAX_IMITATION_SHARE = 0.78  # share that imitates at difficulty 1
RESALE_CATEGORIES = ("fashion", "electronics", "travel")  # uses of leaked cards
IMITATION_SPREAD_DAYS = 5  # days over which an imitating campaign is spread


def compute_imitation_share(c: SimulatorConfig, day: np.ndarray) -> np.ndarray:
    """Compute the share of fraudulent transactions that imitate the card holder on each day."""
    return np.maximum(MAX_IMITATION_SHARE * c.difficulty, 0.95 * c.strength("adapting_fraud", day))


def add_fraud(
    c: SimulatorConfig, town: Geography, tx: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Mark and add fraudulent transactions.

    Parameters
    ----------
    tx : columns of the genuine transactions, each (n,), as `purchases.simulate_purchases` gives
        them

    Returns
    -------
    The columns with `kind` (code) and the fraud in, and the table of compromises (id, kind, entity,
    start, end; days from the first day, end exclusive).
    """
    tx = tx | {"kind": np.zeros(len(tx["day"]), np.int8)}
    key = [("terminal", *_compromise_terminals(c, town, tx))]
    friendly = (
        (tx["channel"] == 2)
        & (CounterRng(c.seed, "friendly").uniform(tx["tx_id"]) < FRIENDLY_FRAUD_SHARE)
        & (tx["kind"] == 0)
    )
    tx["kind"][friendly] = encode_fraud_kind("friendly")

    parts = [tx]
    first, last = sample_customer_lifetimes(c, np.arange(c.customers))
    for number, kind in enumerate(
        ("card_testing", "leaked_card", "stolen_card", "account_takeover"), start=1
    ):
        chance = FRAUD_CAMPAIGNS[kind][0] * np.ones((c.customers, c.days))
        if kind == "leaked_card":
            chance *= 1 + (FRAUD_WAVE_FACTOR - 1) * c.strength("fraud_wave", np.arange(c.days))
        entity, start = _sample_campaign_starts(c, kind, chance)
        is_active = (start >= first[entity]) & (start < last[entity])
        entity, start = entity[is_active], start[is_active]
        key.append((kind, entity, start))
        extra = _simulate_campaigns(c, town, kind, entity, start)
        slot, begun = number * 100 + extra.pop("k"), extra.pop("begun")
        extra["tx_id"] = (
            extra["customer_id"] * c.days * TX_ID_SLOTS_PER_DAY + begun * TX_ID_SLOTS_PER_DAY + slot
        )
        extra["kind"] = np.full(len(slot), encode_fraud_kind(kind), np.int8)
        shop = extra["terminal_id"]
        inside = (
            (extra["day"] < c.days)
            & (extra["day"] >= town.opens[shop])
            & (extra["day"] < town.closes[shop])
        )
        parts.append({name: values[inside] for name, values in extra.items()})

    whole = {name: np.concatenate([part[name] for part in parts]) for name in tx}
    table = pd.DataFrame(
        {
            "kind": np.repeat([kind for kind, _, _ in key], [len(entity) for _, entity, _ in key]),
            "entity": [
                f"{'M' if kind == 'terminal' else 'C'}{one}"
                for kind, entity, _ in key
                for one in entity
            ],
            "start": np.concatenate([start for _, _, start in key]),
        }
    )
    length = table["kind"].map({kind: days for kind, (_, days) in FRAUD_CAMPAIGNS.items()})
    table["end"] = np.minimum(table["start"] + length, c.days).astype(np.int64)
    return whole, table.rename_axis("id").reset_index()


def _sample_campaign_starts(
    c: SimulatorConfig, kind: str, chance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sample entities and days on which campaigns begin."""
    n, days = chance.shape
    return np.nonzero(
        CounterRng(c.seed, f"{kind} begins").uniform(
            np.arange(n)[:, None], np.arange(days)[None, :]
        )
        < chance
    )


def _compromise_terminals(
    c: SimulatorConfig, town: Geography, tx: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Mark transactions of compromised terminals in place; return terminals and first days."""
    rate, length = FRAUD_CAMPAIGNS["terminal"]
    n, days = len(town.place), np.arange(c.days)
    chance = np.zeros((n, c.days))
    chance[town.street] = rate
    chance[town.fresh] = NEW_TERMINAL_RISK_FACTOR * rate
    chance[(days < town.opens[:, None]) | (days >= town.closes[:, None])] = 0
    entity, start = _sample_campaign_starts(c, "terminal", chance)
    hit = np.flatnonzero(
        is_in_campaign(entity, start, tx["terminal_id"], tx["day"], n, c.days, length)
    )
    index, share = tx["tx_id"][hit], compute_imitation_share(c, tx["day"][hit])
    taken = CounterRng(c.seed, "terminal share").uniform(
        index
    ) < COMPROMISED_TERMINAL_FRAUD_SHARE * (1 - 0.8 * share)
    hit, index, share = hit[taken], index[taken], share[taken]
    tx["kind"][hit] = encode_fraud_kind("terminal")
    raised = CounterRng(c.seed, "terminal imitates").uniform(index) >= share
    tx["amount"][hit] *= 1 + raised * 3 * CounterRng(c.seed, "terminal amount").uniform(index)
    return entity, start


def _simulate_campaigns(
    c: SimulatorConfig, town: Geography, kind: str, entity: np.ndarray, start: np.ndarray
) -> dict[str, np.ndarray]:
    """Simulate the transactions that campaigns add to the cards of customers."""

    def draw(name: str) -> CounterRng:
        return CounterRng(c.seed, f"{kind} {name}")

    number = np.maximum(
        (draw("number").uniform(entity, start) * (MAX_CAMPAIGN_TRANSACTIONS[kind] + 1)).astype(
            np.int64
        ),
        3,
    )
    who, begun, n = (np.repeat(values, number) for values in (entity, start, number))
    k = np.arange(len(who)) - np.repeat(np.cumsum(number) - number, number)
    at = begun * 100 + k
    u, v, w, later = (draw(name).uniform(who, at) for name in ("amount", "time", "merchant", "day"))
    usual, first = sample_usual_amounts(c, who), draw("first").uniform(who, begun)
    online = np.full(len(who), kind != "stolen_card")
    day = begun
    if kind == "card_testing":  # small purchases minutes apart, then the cash-out
        cash_out = k >= n - 2
        second = 0.8 * first * DAY + k * 240 + v * 120 + cash_out * 1800
        amount = np.where(cash_out, usual * (2 + 3 * u), 0.5 + 4 * u)
    elif kind == "leaked_card":  # online, for what sells again, in sittings of four over a week
        sitting = begun * 100 + k // 4
        day = begun + (7 * draw("sitting day").uniform(who, sitting)).astype(np.int64)
        second = (
            0.95 * sample_second_of_day(draw("sitting").uniform(who, sitting), online)
            + k % 4 * 900
            + v * 800
        )
        amount = usual * (1 + 3.5 * u)
    elif (
        kind == "stolen_card"
    ):  # used in shops far away within hours, while the owner goes on shopping at home
        second, amount = 0.7 * first * DAY + k * 900 + v * 800, usual * (0.7 + 2.3 * u)
    else:  # account takeover: few, large, at night, over three days
        second, amount, day = (
            v * 6 * 3600,
            usual * (3 + 4 * u),
            begun + (later * 3).astype(np.int64),
        )
    web = town.web
    if kind == "leaked_card":
        resale = np.isin(
            town.category[web], [MERCHANT_CATEGORIES.index(name) for name in RESALE_CATEGORIES]
        )
        web = web[resale] if resale.any() else web
    shop = np.where(
        online, web[(w * len(web)).astype(np.int64)], _sample_distant_terminals(town, who, w)
    )

    like = draw("imitates").uniform(who, at) < compute_imitation_share(c, day)
    day = np.where(like, begun + (later * IMITATION_SPREAD_DAYS).astype(np.int64), day)
    second = np.where(like, sample_second_of_day(v, online, is_weekend_night(c, day)), second)
    skewed = town.web[(w**2 * len(town.web)).astype(np.int64)]
    shop = np.where(like, np.where(online, skewed, town.street[town.near.pick(who, w)]), shop)
    genuine = (
        usual
        * CATEGORY_AMOUNT_FACTORS[town.category[shop]]
        * np.exp(0.55 * draw("spread").normal(who, at))
    )
    amount = np.where(like, genuine, amount)
    tap = draw("contactless").uniform(who, at) < np.where(amount < 50, 0.75, 0.15)
    return {
        "customer_id": who,
        "terminal_id": shop,
        "day": day,
        "amount": amount,
        "k": k,
        "begun": begun,
        "ts": day * DAY + np.minimum(second.astype(np.int64), DAY - 1),
        "channel": np.where(online, 2, np.where(tap, 1, 0)).astype(np.int8),
    }


def _sample_distant_terminals(town: Geography, customer: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Draw three terminals at random, and take the one that is farthest from home."""
    thirds = (np.stack([u, (u + 1 / 3) % 1, (u + 2 / 3) % 1]) * len(town.street)).astype(np.int64)
    shops = town.street[thirds]
    distance = np.linalg.norm(town.place[shops] - town.home[customer], axis=2)
    return shops[distance.argmax(axis=0), np.arange(len(customer))]


def is_in_campaign(
    entity: np.ndarray,
    since: np.ndarray,
    of: np.ndarray,
    day: np.ndarray,
    n: int,
    days: int,
    length: int,
) -> np.ndarray:
    """Tell which transactions belong to a campaign of their entity."""
    table = np.zeros((n, days + 1), np.int32)
    np.add.at(table, (entity, since), 1)
    np.add.at(table, (entity, np.minimum(since + length, days)), -1)
    active = np.cumsum(table, axis=1) > 0
    return active[of, day]
