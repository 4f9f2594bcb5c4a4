"""The story of a run: what happened on the live days, in sentences made from its figures."""

import io
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from fraudops import ledger, monitoring, review, store
from fraudops.backtest import load_true_onset
from fraudops.plotting import COLORS, use_style
from fraudops.timeline import day_of, load_timeline
from fraudops.workspace import Workspace, read_json

FILES = (
    "drift/alerts.json",
    "models/champion.json",
    "models/retrain.json",
    "figures/3_1_champion.json",
    "figures/4_2_retrain.json",
    "drift/verdict.json",
)


@dataclass(frozen=True)
class Story:
    """What the report page tells first.

    Attributes
    ----------
    sentences : list of str
    chart : str
        An SVG element.
    description : str
        The chart in words.
    """

    sentences: list[str]
    chart: str
    description: str


def tell_story(workspace: Workspace) -> Story | None:
    """Tell what happened on the live days of a complete run.

    Every figure comes from the run: from the files of its notebooks and from its database. Only the
    day on which the change began comes from the answer key of a simulation.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    Story or None
        None if the run is not complete.
    """
    if not all((workspace.root / name).is_file() for name in FILES):
        return None
    files = {name: read_json(workspace.root / name) for name in FILES}
    engine = store.connect(workspace)
    try:
        days = _load_days(workspace, engine)
        chain = ledger.check_ledger(engine)
        cases = review.ReviewQueue(engine)
        n_closed, n_waiting = cases.count_closed(), cases.count_waiting()
    finally:
        engine.dispose()
    if days is None or not len(days):
        return None
    alerts = [one for one in files["drift/alerts.json"] if one["severity"] == "act"]
    alarm = day_of(int(alerts[0]["as_of"]) - 1) if alerts else None
    timeline = load_timeline(workspace)
    truth = load_true_onset(workspace, timeline)
    sentences = _write_sentences(files, days, alarm, alerts, truth["day"])
    sentences.append(
        f"The review team has decided {n_closed:,} cases (a case is a transaction that a person "
        f"checks), and {n_waiting:,} cases wait."
    )
    held = "its hash chain holds" if not chain.broken else f"it does not hold: {chain.broken}"
    sentences.append(f"The audit record has {chain.entries:,} entries, and {held}.")
    end = timeline.as_of
    promotion = day_of(end - 1) if files["models/retrain.json"]["promoted"] else None
    chart = _draw(days, alarm, promotion, day_of(end - 1))
    return Story(sentences, chart, _describe(days, alarm, promotion))


def _load_days(workspace: Workspace, engine: object) -> pd.DataFrame | None:
    """Load euros saved and lost for each judged day; index date."""
    over = review.get_evaluation_period(engine)
    if over is None:
        return None
    rows = review.load_flagged_and_frauds(engine, over)
    policy = review.load_champion_policy(workspace)
    per_day = review.count_predictions_by_day(engine, over, rows)
    days = review.compute_performance_by_day(rows, policy, per_day["rows"])
    missed = rows[(rows["label"] == 1) & ~rows["flagged"]].groupby("day")["amount_cents"].sum()
    missed.index = [day_of(int(one)) for one in missed.index]
    return pd.DataFrame(
        {"saved": days["saved_cents"] / 100, "lost": missed.reindex(days.index).fillna(0) / 100}
    )


def _write_sentences(
    files: dict[str, object],
    days: pd.DataFrame,
    alarm: date | None,
    alerts: list[dict],
    onset: str | None,
) -> list[str]:
    champion, retrain = files["models/champion.json"], files["models/retrain.json"]
    first = files["figures/3_1_champion.json"]
    trial = files["figures/4_2_retrain.json"]
    sentences = [
        f"Version {champion['version']} of the model went live on {days.index[0]}. It had learnt "
        f"from {champion['rows']:,} transactions with {champion['frauds']:,} known frauds."
    ]
    before = days[days.index < alarm] if alarm else days
    after = days[days.index >= alarm] if alarm else days.iloc[:0]
    if len(before):
        sentences.append(
            f"{'Before the first alarm' if alarm else 'On the judged days'} its decisions saved "
            f"{before['saved'].mean():,.0f} euros a day, and the frauds that it approved cost "
            f"{before['lost'].mean():,.0f} euros a day."
        )
    if onset and onset >= str(days.index[0]):
        sentences.append(f"The answer key of the simulation says: the world changed on {onset}.")
    if alarm:
        evidence = alerts[0]["text"].split(": retrain. ")[-1].rstrip(".")
        reported = _find_changed_reports(files["drift/verdict.json"], alerts[0]["as_of"])
        sentences.append(
            f"In the evening of {alarm} the drift monitor asked for a new model: {evidence}."
            + (f" From {reported} on the fraud reports showed a change too." if reported else "")
        )
    else:
        sentences.append("The drift monitor did not ask for a new model.")
    if len(after):
        sentences.append(
            f"From {alarm} on its decisions saved {after['saved'].mean():,.0f} euros a day, and "
            f"the frauds that it approved cost {after['lost'].mean():,.0f} euros a day. "
            f"On all live days the model expected {first['frauds_expected']:,.0f} frauds, and "
            f"{first['frauds_found']:,} became known by fraud reports."
        )
    if retrain["retrained"]:
        low = trial["money_gate_low_eur"]
        sentences.append(
            "A test of a new model needs days whose fraud reports have arrived, and the model must "
            "not have seen them. So a challenger learnt only from what was known on "
            f"{day_of(retrain['test_start'])}. From then to {day_of(retrain['test_end'] - 1)} it "
            f"would have saved {trial['gain_eur']:,.0f} euros more than the champion; the lower "
            f"end of the interval is {low:,.0f} euros."
        )
        failed = [name.split(" (")[0] for name in retrain["failed"]]
        sentences.append(
            f"It passed all gates (conditions for a promotion), so version {retrain['champion']} "
            "was promoted, and its Bento (the package that the service runs) was built."
            if retrain["promoted"]
            else f"It was not promoted, because it failed at: {'; '.join(failed)}."
        )
    else:
        sentences.append(f"No challenger was trained: {retrain['reason']}.")
    return sentences


def _find_changed_reports(verdicts: dict, alarm_as_of: int) -> date | None:
    """Find the first day from the alarm on whose fraud reports are beyond a limit."""
    for one in monitoring.VerdictFile.model_validate(verdicts).days:
        if one.as_of >= alarm_as_of and "fraud reports" in one.group_alarms():
            return day_of(one.as_of - 1)
    return None


def _describe(days: pd.DataFrame, alarm: date | None, promotion: date | None) -> str:
    return (
        f"Euros saved and lost on each day from {days.index[0]} to {days.index[-1]}: saved "
        f"{days['saved'].sum():,.0f}, lost {days['lost'].sum():,.0f} in all."
        + (f" The first alarm is on {alarm}." if alarm else "")
        + (f" The challenger is promoted on {promotion}." if promotion else "")
    )


def _draw(days: pd.DataFrame, alarm: date | None, promotion: date | None, last: date) -> str:
    """Draw euros saved and lost each day, the first alarm and the promotion, as SVG."""
    import matplotlib.pyplot as plt  # takes a second

    use_style()
    figure, axes = plt.subplots(figsize=(9, 3.2))
    at = np.array([(day - days.index[0]).days for day in days.index])
    axes.bar(at, days["saved"], color=COLORS.champion, label="saved by decisions")
    axes.plot(at, -days["lost"], color=COLORS.fraud, label="lost to approved frauds")
    axes.axhline(0, color=COLORS.neutral, linewidth=0.8)
    n_days = (last - days.index[0]).days + 1
    axes.axvspan(at[-1] + 0.5, n_days - 0.5, color=COLORS.neutral, alpha=0.2, linewidth=0)
    axes.text(
        (at[-1] + n_days) / 2, axes.get_ylim()[1], "labels\nstill arrive", ha="center", va="top"
    )
    for day, name, style in ((alarm, "first alarm", "--"), (promotion, "challenger promoted", ":")):
        if day:
            place = (day - days.index[0]).days + 0.5
            axes.axvline(place, color=COLORS.challenger, linestyle=style, label=name)
    every_day = pd.date_range(days.index[0], periods=n_days)
    step = max(1, -(-n_days // 7))
    axes.set_xticks(range(0, n_days, step), [f"{day:%d %b}" for day in every_day[::step]])
    axes.set(ylabel="euros a day")
    axes.set_title("Money saved and lost on each day")
    axes.legend(frameon=False, ncols=4, loc="upper left", bbox_to_anchor=(0, -0.12), fontsize=9)
    place = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "story"}):
        figure.savefig(place, format="svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)
    text = place.getvalue()
    return text[text.index("<svg") :]
