"""The commands that take a file: `fraudops look` and `fraudops score`."""

import argparse
from pathlib import Path

from fraudops.workspace import Workspace


def add_look_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fraudops look` to its parser."""
    parser.add_argument("path", metavar="FILE", help="a file, or a folder of files")
    parser.add_argument(
        "--write",
        nargs="?",
        const="",
        metavar="DELIVERY",
        help="write what was found to this file (default: delivery.yml beside FILE)",
    )


def look_at_file(path: str, write: str | None) -> int:
    """Print what a delivery is, and write it to a description if asked; return the exit code."""
    from fraudops import data  # imports pandas, which is slow

    look = data.look_at(path)
    print(data.describe_look(look))
    if write is not None:
        place = Path(path).expanduser()
        folder = place if place.is_dir() else place.parent
        file = Path(write) if write else folder / data.DELIVERY_FILE
        data.write_delivery(look, file)
        print(f"\nWritten: {file}")
    return 1 if look.questions or look.refusal else 0


def add_score_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fraudops score` to its parser."""
    parser.add_argument("path", metavar="FILE", help="a file, or a folder of files")
    parser.add_argument(
        "--source", help="layout of the columns, as for `fraudops run` (default: found by them)"
    )
    parser.add_argument(
        "--output", metavar="CSV", help="default: the name of FILE with .scores.csv, in this folder"
    )


def score_and_report(
    workspace: Workspace, path: str, source: str | None, output: str | None
) -> int:
    """Score a file and print the counts; return the exit code."""
    from tqdm import tqdm

    from fraudops import data, serving  # import pandas and mlflow, which is slow

    name = Path(path).name.split(".")[0] or "transactions"
    target = Path(output or f"{name}.scores.csv").expanduser()
    source = source or data.find_source_name(path)
    with tqdm(desc="scoring", unit=" rows") as bar:
        done = serving.score_file(workspace, path, source, target, bar.update)
    print(f"{done.scored:,} of {done.read:,} rows scored by model {done.model_version}: {target}")
    if done.refused:
        print(f"{done.refused:,} rows refused: {serving.get_refused_path(target)}")
        for reason, count in list(done.reasons.items())[:5]:
            print(f"  {count:,}  {reason}")
    return 1 if done.refused else 0
