"""Rows as tables that a reviewer can read."""

import pandas as pd

from fraudops.timeline import format_time

# --- lists ---


def format_predictions(rows: pd.DataFrame) -> pd.DataFrame:
    """Format predictions with times, money and labels in words."""
    known = rows["label"].map({1: "fraud", 0: "genuine"}).astype(object)
    return pd.DataFrame(
        {
            "time (UTC)": [format_time(ts) for ts in rows["ts"]],
            "transaction": rows["tx_id"].to_numpy(),
            "amount": [f"{cents / 100:,.2f}" for cents in rows["amount_cents"]],
            "score": [f"{p:.2%}" for p in rows["probability"]],
            "label": known.where(known.notna(), "not known yet").to_numpy(),
            "from": rows["label_source"].fillna("").to_numpy(),
            "customer": rows["customer_id"].to_numpy(),
            "terminal": rows["terminal_id"].to_numpy(),
            "category": rows["category"].to_numpy(),
            "channel": rows["channel"].to_numpy(),
            "model": rows["model_version"].to_numpy(),
        }
    )


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
