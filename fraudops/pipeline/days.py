"""Thirty days of operation from the command line: the option `--days`."""

import datetime as dt
import sys
from collections.abc import Mapping
from typing import Any

from fraudops.errors import UserError
from fraudops.models import DecisionPolicy
from fraudops.pipeline.cache import get_rerun_reason
from fraudops.pipeline.graph import GRAPH, PROFILES
from fraudops.pipeline.notebooks import inspect_parameters
from fraudops.simulator import make_course_config
from fraudops.timeline import Timeline, load_timeline, plan_timeline
from fraudops.workspace import Workspace, read_json

FIRST_NODE = "1_1_ingest"
POLICY_NODE = "3_1_champion"
Parameters = Mapping[str, Mapping[str, Any]]


def check_days(
    workspace: Workspace, days: int, parameters: Parameters, has_run: bool = False
) -> bool:
    """Check before anything runs that the data will have so many live days.

    Parameters
    ----------
    workspace : Workspace
    days : int
        At least 1.
    parameters : mapping
        See `resolve_parameters`.
    has_run : bool, optional
        The data of these parameters has just been read.

    Returns
    -------
    bool
        False if this is not known yet: the data is in a file that has not been read.

    Raises
    ------
    UserError
        If the data has, or will have, fewer live days.
    """
    node, given = GRAPH[FIRST_NODE], parameters[FIRST_NODE]
    settings = {name: about["default"] for name, about in inspect_parameters(node).items()}
    settings |= given
    if has_run or not get_rerun_reason(node, workspace, given):
        timeline = load_timeline(workspace)
    elif settings["source"] == "simulate":
        timeline = _plan_simulated_timeline(settings["profile"], settings)
    else:
        return False
    count = len(timeline.live_days)
    if days <= count:
        return True
    if settings["source"] == "simulate":
        profiles = {name: _plan_simulated_timeline(name, {}) for name in PROFILES}
        counts = [f"{name} has {len(one.live_days)}" for name, one in profiles.items()]
        advice = f"or choose another --profile ({', '.join(counts)})"
    else:
        advice = "or bring a file with more days"
    raise UserError(
        f"--days {days}: this data has {count} live days, the days after the first model is "
        f"trained. Give --days {count} or fewer, {advice}."
    )


def _plan_simulated_timeline(profile: str, settings: Mapping[str, Any]) -> Timeline:
    """Plan the timeline of a world that is not simulated yet."""
    config = make_course_config(profile, drift="none")
    last = config.start + dt.timedelta(days=config.days - 1)
    borders = (settings.get(name) or "" for name in ("live_start", "as_of"))
    return plan_timeline(config.start, last, *borders)


def resolve_policy(workspace: Workspace, parameters: Parameters) -> DecisionPolicy:
    """Resolve the decision policy that all compared ways to operate decide with.

    Parameters
    ----------
    workspace : Workspace
    parameters : mapping
        See `resolve_parameters`.

    Returns
    -------
    DecisionPolicy
        That of the champion of this workspace. If there is none, or if costs or capacity are given
        as parameters of ``3_1_champion``: what that notebook would register.
    """
    names = ("review_cost_eur", "goodwill_eur", "reviews_per_day")
    given = {name: value for name, value in parameters[POLICY_NODE].items() if name in names}
    champion = workspace.root / "models" / "champion.json"
    if champion.is_file() and not given:
        return DecisionPolicy.from_record(read_json(champion)["policy"])
    offered = inspect_parameters(GRAPH[POLICY_NODE])
    review, goodwill, capacity = (given.get(name, offered[name]["default"]) for name in names)
    return DecisionPolicy(
        review=round(review * 100), goodwill=round(goodwill * 100), capacity=capacity or None
    )


def play_days(workspace: Workspace, days: int, policy: DecisionPolicy, command: str) -> int:
    """Run the backtest with a progress bar per policy, and write its page.

    Parameters
    ----------
    workspace : Workspace
    days : int
    policy : DecisionPolicy
    command : str
        What to type to continue.

    Returns
    -------
    int
        The exit code.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from fraudops import backtest
    from fraudops.pipeline.locks import lock_workspace, set_workspace_environment

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    try:
        with (
            lock_workspace(workspace, command),
            set_workspace_environment(workspace),
            Progress(*columns) as progress,
        ):
            progress_bars = {
                name: progress.add_task(name, total=days)
                for name in ("monitor", *backtest.MODEL_POLICIES)
            }
            result = backtest.run_backtest(
                workspace,
                backtest.BacktestSettings(days=days, decision_policy=policy),
                lambda name, done: progress.update(progress_bars[name], completed=done),
            )
            backtest.write_backtest_report(workspace, result)
    except KeyboardInterrupt:
        print(
            f"Stopped by you. The finished days are kept. To continue: {command}", file=sys.stderr
        )
        return 130
    saved = backtest.summarize_policies(result)["saved_cents"] / 100
    print(
        "\n".join(
            f"  {text:<22}€ {saved[name]:>10,.0f} saved"
            for name, (text, _) in backtest.POLICY_STYLES.items()
        )
    )
    print(f"The page of the {days} days: {workspace.root / 'report' / 'timeline.html'}")
    return 0
