"""The command `fraudops skew`."""

import argparse
import os
import sys

from fraudops.errors import UserError
from fraudops.monitoring import SkewReport
from fraudops.serving.skew import SKEW_SAMPLE, check_skew
from fraudops.timeline import day_start, parse_day
from fraudops.workspace import Workspace


def build_skew_parser() -> argparse.ArgumentParser:
    """Build the parser of `fraudops skew`."""
    parser = argparse.ArgumentParser(
        prog="fraudops skew",
        description="Compute the features of some answered transactions of a day again, as "
        "training does, and compare them with what the service had. Writes "
        "serving/daily_skew/DATE.json. Ends with code 1 if a value differs; then there is also "
        "an alert.",
        epilog="example: fraudops skew --day 2026-03-30 --sample 1000",
        allow_abbrev=False,
    )
    parser.add_argument("--workspace", metavar="DIR", help="the folder of the run")
    parser.add_argument(
        "--day", metavar="DATE", help="default: the latest day with an answered transaction"
    )
    parser.add_argument(
        "--sample",
        type=int,
        default=SKEW_SAMPLE,
        metavar="N",
        help=f"transactions that are compared (default {SKEW_SAMPLE})",
    )
    return parser


def run_skew_command(arguments: list[str]) -> int:
    """Run `fraudops skew`.

    Parameters
    ----------
    arguments : list of str
        The words after `fraudops skew`.

    Returns
    -------
    int
        0; 1 if a value differs; 2 with a message.
    """
    options = build_skew_parser().parse_args(arguments)
    try:
        day = None if options.day is None else day_start(parse_day(options.day, "--day"))
        workspace = Workspace.find(options.workspace)
        if not os.environ.get("FRAUDOPS_DATABASE_URL"):  # of a server
            workspace.require_path("store", "fraudops.db", made_by="3_2_serve")
        report = check_skew(workspace, day, options.sample)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(describe_skew(report))
    return 1 if report.differing else 0


def describe_skew(report: SkewReport) -> str:
    """Describe a report in words, with a line for each feature that differs.

    Parameters
    ----------
    report : SkewReport

    Returns
    -------
    str
    """
    lines = [
        f"{report.day}: {report.compared:,} of {report.answered:,} answered transactions were "
        "computed again."
    ]
    if report.late:
        lines.append(
            f"{report.late:,} of them were compared with what was known at the answer: more was "
            "recorded later."
        )
    if not report.differing:
        return "\n".join([*lines, f"All {len(report.features)} features are the same."])
    lines.append(f"{'feature':<22}{'compared':>9}{'mismatches':>12}{'missing':>9}{'extra':>7}")
    for name in report.differing:
        one = report.features[name]
        lines.append(
            f"{name:<22}{one.compared:>9,}{one.mismatches:>12,}{one.missing:>9,}{one.extra:>7,}"
        )
    return "\n".join(lines)
