"""Rows as tables that a reviewer can read."""

import pandas as pd

from fraudops.timeline import format_time

# --- lists ---


def format_predictions(rows: pd.DataFrame) -> list[dict[str, str]]:
    """Format predictions with times, money, labels and reviews in words.

    Parameters
    ----------
    rows : DataFrame
        See `review.load_prediction_page`.

    Returns
    -------
    list of dict of str to str
        One per row; the keys are the headings of the columns.
    """
    labels = {1: "fraud", 0: "genuine"}
    shown = []
    for one in rows.itertuples():
        label = "not known yet" if pd.isna(one.label) else labels[int(one.label)]
        by = f" by {one.reviewed_by}" if one.reviewed_by else ""
        shown.append(
            {
                "time (UTC)": format_time(one.ts),
                "transaction": one.tx_id,
                "amount": format_euros(one.amount_cents),
                "score": f"{one.probability:.2%}",
                "label": f"{label} ({one.label_source})" if one.label_source else label,
                "review": one.review + by,
                "customer": one.customer_id,
                "terminal": one.terminal_id,
                "category": one.category,
                "channel": one.channel,
                "model": one.model_version,
            }
        )
    return shown


def format_euros(cents: float) -> str:
    """Format an amount with its unit.

    Examples
    --------
    >>> format_euros(123_456)
    '1,234.56 €'
    """
    return f"{cents / 100:,.2f} €"


# --- one case ---


def format_history(past: pd.DataFrame) -> pd.DataFrame:
    """Format a customer's earlier transactions (see `review.Case`)."""
    return pd.DataFrame(
        {
            "time (UTC)": [format_time(ts) for ts in past["ts"]],
            "amount": [f"{cents / 100:,.2f}" for cents in past["amount_cents"]],
            "terminal": past["terminal_id"],
            "category": past["category"],
            "channel": past["channel"],
            "known then": ["reported fraud" if reported else "" for reported in past["reported"]],
        }
    )


def format_linked_cases(rows: pd.DataFrame) -> pd.DataFrame:
    """Format linked cases (see `review.Case`)."""
    states = {
        "open": "open",
        "second": "waits for a second person",
        "settled": "its label arrived before a verdict",
    }
    return pd.DataFrame(
        {
            "time (UTC)": [format_time(ts) for ts in rows["ts"]],
            "transaction": rows["tx_id"],
            "amount": [f"{cents / 100:,.2f}" for cents in rows["amount_cents"]],
            "shared": rows["shared"],
            "state": [
                states.get(state, verdict)
                for state, verdict in zip(rows["state"], rows["verdict"], strict=True)
            ],
        }
    )
