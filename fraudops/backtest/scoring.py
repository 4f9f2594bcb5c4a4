"""The results of a backtest, scored with the answer key. No policy reads it."""

import pandas as pd

from fraudops.backtest.backtest_data import (
    BacktestData,
    BacktestSettings,
    iterate_day_starts,
    summarize_day,
)
from fraudops.timeline import DAY, Timeline, day_of
from fraudops.workspace import Workspace


def load_true_onset(workspace: Workspace, timeline: Timeline) -> dict:
    """Load from the answer key when the first planted drift began.

    Parameters
    ----------
    workspace : Workspace
    timeline : Timeline

    Returns
    -------
    dict
        ``known``: whether the data has an answer key; ``day``: date of the onset, None if nothing
        was planted or known; ``kinds``: names of the drifts that begin on it.
    """
    file = workspace.root / "data" / "answer_key" / "drifts.parquet"
    if not file.is_file():
        return {"known": False, "day": None, "kinds": []}
    drifts = pd.read_parquet(file)
    if not len(drifts):
        return {"known": True, "day": None, "kinds": []}
    first = drifts[drifts["onset"] == drifts["onset"].min()]
    day = day_of(timeline.first + int(first["onset"].iloc[0]) * DAY)
    return {"known": True, "day": str(day), "kinds": first["kind"].tolist()}


def score_backtest(
    data: BacktestData, settings: BacktestSettings, played: list[dict], truth: dict
) -> dict:
    """Score a backtest: what each day was like, the lead of the loop, and its remedy.

    Parameters
    ----------
    data : BacktestData
    settings : BacktestSettings
    played : list of dict
        The rows of `OperatingPolicy.run_day`, each with the name of its ``policy``.
    truth : dict
        See `load_true_onset`.

    Returns
    -------
    dict
        ``truth``, ``days`` (one row per day), ``played``, ``lead`` (see `take_lead_apart`), and
        ``remedy`` (see `summarize_remedy`).
    """
    days = [summarize_day(data, settings, now) for now in iterate_day_starts(data, settings)]
    scored = {"truth": truth, "days": days, "played": played}
    return scored | {"lead": take_lead_apart(scored), "remedy": summarize_remedy(scored)}


def summarize_remedy(story: dict) -> dict | None:
    """Summarize what was lost between the onset of the drift and the first promotion after it.

    Parameters
    ----------
    story : dict
        ``truth``, ``days`` and ``played`` of `score_backtest`.

    Returns
    -------
    dict or None
        None if no drift begins within the days. Otherwise ``onset`` and ``promotion`` (dates; the
        latter None if there was none), ``alarm`` (date of the first evening on which the monitor
        asked for a training, or None), ``days`` (how many), and ``cost_cents`` by policy: what
        these days cost.
    """
    days = [day["day"] for day in story["days"]]
    onset = story["truth"]["day"]
    if onset not in days:
        return None
    after = days[days.index(onset) :]
    promotions = [
        row["day"]
        for row in story["played"]
        if row["policy"] == "loop" and row["promoted"] and row["day"] in after[1:]
    ]
    alarms = [
        day["day"]
        for day in story["days"]
        if day["day"] in after and day["severity"] == "act" and day["action"] == "retrain"
    ]
    end = min(promotions) if promotions else None
    inside = after[: after.index(end)] if end else after
    played = pd.DataFrame(story["played"])
    cost = played[played["day"].isin(inside)].groupby("policy")["cost_cents"].sum().to_dict()
    for name in ("oracle", "nothing"):
        cost[name] = sum(day[name] for day in story["days"] if day["day"] in inside)
    return {
        "onset": onset,
        "alarm": min(alarms, default=None),
        "promotion": end,
        "days": len(inside),
        "cost_cents": {name: int(cents) for name, cents in cost.items()},
    }


def take_lead_apart(story: dict) -> dict[str, int]:
    """Take apart what the loop saves beyond never retraining.

    Every day is decided three times more. The first model decides as without any retraining. Then
    the champion of the day decides, at the price of capacity that the first model's scores teach:
    the difference is what the new *model* is worth under the same rule. Then it decides at the
    price that its own scores teach: the difference is what that part of the *policy* is worth. What
    remains is the *reviews* that trials asked for: the frauds that they found, less their cost and
    the reviews that they displaced. The parts add up to the lead to the cent.

    Parameters
    ----------
    story : dict
        ``played`` of `score_backtest`.

    Returns
    -------
    dict of str to int
        Cents: ``model``, ``policy``, ``reviews``, and ``lead``, which is their sum.
    """
    loop = [row for row in story["played"] if row["policy"] == "loop"]
    parts = {
        name: sum(row["lead_cents"][name] for row in loop)
        for name in ("model", "policy", "reviews")
    }
    return parts | {"lead": sum(parts.values())}
