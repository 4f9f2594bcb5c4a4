"""Score a whole file through the code of the service, into another file."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.data import TRANSACTION_COLUMNS, open_source, validate_chunk
from fraudops.errors import UserError
from fraudops.features import list_given_features
from fraudops.models import ModelRegistry
from fraudops.serving.scorer import Scorer
from fraudops.workspace import Workspace, atomic_write

BATCH_ROWS = 5000
SCORED_COLUMNS = (
    "source",
    "line",
    "tx_id",
    "decision",
    "probability",
    "expected_loss",
    "model_version",
    "decision_reason",
)
REFUND_REASON = "a refund or reversal is recorded and not scored"
ROW_NAMES = ["source", "line", "reason", "row"]  # of the file with what was refused
SAME_COLUMNS = ["ts", "customer_id", "terminal_id", "amount_cents"]


@dataclass(frozen=True)
class BulkResult:
    """The counts of one scored file; ``read = scored + refused``.

    Attributes
    ----------
    read, scored, refused : int
    reasons : dict of str to int
        Refused rows by reason, the most frequent first.
    model_version : str
    """

    read: int
    scored: int
    refused: int
    reasons: dict[str, int]
    model_version: str


def score_file(
    workspace: Workspace,
    path: str,
    source: str,
    target: Path,
    on_rows: Callable[[int], None] = lambda n: None,
) -> BulkResult:
    """Score the transactions of a file with the champion of a workspace.

    The rows are read and refused as by ingestion, and scored as by the service, in the order of
    time. Refunds are not scored, but the features of later rows count them. What the workspace's
    database knows counts as their past. This works on a copy of that database, so the workspace
    stays as it was. Labels in the file are not read.

    Parameters
    ----------
    workspace : Workspace
    path : str
        A file, or a folder of files.
    source : str
        Its layout; see `data.open_source`.
    target : Path
        CSV with `SCORED_COLUMNS`, in the order of the file. Refused rows go to `get_refused_path`.
    on_rows : callable, optional
        Is called with the number of rows of each scored batch.

    Returns
    -------
    BulkResult

    Raises
    ------
    UserError
        If there is no champion, a target exists already, the file cannot be read, or no row is
        valid.
    """
    refused_path = get_refused_path(target)
    for one in (target, refused_path):
        if one.exists():
            raise UserError(f"{one} exists already: move it, or name another file with --output.")
    champion = ModelRegistry(workspace).find()
    rows, refused, refunds = _read_rows(path, source)
    with tempfile.TemporaryDirectory(prefix="fraudops-score-") as folder:
        engine = _copy_past(workspace, Workspace(Path(folder), isolated=True))
        try:
            with store.write_transaction(engine) as connection:
                store.insert_new(connection, store.refunds, store.to_refund_rows(refunds))
            rows, known = _split_reused_ids(engine, rows)
            refused = pd.concat([refused, known], ignore_index=True)
            scores = pd.DataFrame(columns=list(SCORED_COLUMNS))
            if len(rows):
                file = champion.folder / "model.skops"
                scorer = Scorer(engine, file, champion.sha256, champion.version, champion.policy)
                scores = _score_rows(scorer, rows, on_rows)
        finally:
            engine.dispose()
    counts = refused["reason"].value_counts()
    reasons = {str(reason): int(count) for reason, count in counts.items()}
    if len(refused):
        with atomic_write(refused_path) as temporary:
            refused.sort_values(["source", "line"])[ROW_NAMES].to_csv(temporary, index=False)
    if not len(scores):
        why = f" Most often: {next(iter(reasons))}. See {refused_path}." if reasons else ""
        raise UserError(f"None of the {len(refused)} rows of {path} can be scored.{why}")
    with atomic_write(target) as temporary:
        scores.to_csv(temporary, index=False)
    version = ", ".join(sorted(scores["model_version"].unique()))
    total = len(scores) + len(refused)
    return BulkResult(total, len(scores), len(refused), reasons, version)


def get_refused_path(target: Path) -> Path:
    """Get the file for refused rows, beside that of the scores.

    Examples
    --------
    >>> get_refused_path(Path("may.scores.csv")).name
    'may.scores.refused.csv'
    """
    return target.with_name(f"{target.stem}.refused.csv")


def _read_rows(path: str, source: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Read valid purchases, the rows that get no score with their reasons, and the refunds."""
    opened = open_source(source, path, for_scoring=True)
    now = int(datetime.now(UTC).timestamp())
    valid, invalid, refunds = [], [], []
    for chunk in opened.chunks:
        good, bad = validate_chunk(chunk, now, opened.most_cents)
        name = chunk.source or opened.name
        kept = [*TRANSACTION_COLUMNS, *list_given_features(good), "line"]
        is_purchase = good["kind"] == "purchase"
        back = good[~is_purchase].assign(source=name)
        refunds.append(back)
        invalid.append(_refuse(back, [REFUND_REASON] * len(back)))
        valid.append(good.loc[is_purchase, kept].assign(source=name))
        invalid.append(bad.assign(source=name))
    names = [*TRANSACTION_COLUMNS, "line", "source"]
    rows = pd.concat([pd.DataFrame(columns=names), *valid], ignore_index=True)
    refused = pd.concat([pd.DataFrame(columns=ROW_NAMES), *invalid], ignore_index=True)
    first = rows.drop_duplicates("tx_id").set_index("tx_id")
    again = rows[rows.duplicated("tx_id")]
    if len(again):
        earlier = first.loc[again["tx_id"]]
        at = [
            f"tx_id is already on line {line} of {name}"
            for line, name in zip(earlier["line"], earlier["source"], strict=True)
        ]
        refused = pd.concat([refused, _refuse(again, at)], ignore_index=True)
    back = pd.concat([pd.DataFrame(columns=[*TRANSACTION_COLUMNS, "kind"]), *refunds])
    return rows.drop(again.index).reset_index(drop=True), refused, back


def _refuse(rows: pd.DataFrame, reasons: list[str]) -> pd.DataFrame:
    columns = list(TRANSACTION_COLUMNS)
    texts = [row.to_json(force_ascii=False) for _, row in rows[columns].astype(object).iterrows()]
    return rows[["source", "line"]].assign(reason=reasons, row=texts)


def _copy_past(workspace: Workspace, copy: Workspace) -> sa.Engine:
    """Open a copy of the operational database; an empty one if there is none."""
    url = workspace.database_url
    is_there = not url.startswith("sqlite") or (workspace.root / "store" / "fraudops.db").is_file()
    if is_there:
        engine = store.connect(workspace)
        store.copy_database(engine, copy)
        engine.dispose()
    return store.connect(copy)


def _split_reused_ids(engine: sa.Engine, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split off rows whose id another transaction of the database has: it is not the same."""
    t = store.transactions.c
    query = sa.select(t.tx_id, *(t[name] for name in SAME_COLUMNS))
    found = []
    with engine.connect() as connection:
        for keys in store.split_keys(rows["tx_id"].tolist()):
            found += connection.execute(query.where(t.tx_id.in_(keys))).all()
    stored = pd.DataFrame(found, columns=["tx_id", *SAME_COLUMNS]).set_index("tx_id")
    own = rows.set_index("tx_id")[SAME_COLUMNS]
    both = own.index.intersection(stored.index)
    differs = (own.loc[both].astype(str) != stored.loc[both].astype(str)).any(axis=1)
    other = rows["tx_id"].isin(both[differs.to_numpy(bool)])
    reason = "tx_id is on record in the workspace, for another transaction"
    return rows[~other], _refuse(rows[other], [reason] * int(other.sum()))


def _score_rows(scorer: Scorer, rows: pd.DataFrame, on_rows: Callable[[int], None]) -> pd.DataFrame:
    """Score rows in the order of time, and give them back in the order of the file."""
    ordered = rows.iloc[np.argsort(rows["ts"].to_numpy(np.int64), kind="stable")]
    answers = []
    for start in range(0, len(ordered), BATCH_ROWS):
        batch = ordered.iloc[start : start + BATCH_ROWS]
        answer = scorer.score(batch)
        answers.append(answer.set_axis(batch.index))
        on_rows(len(batch))
    scored = pd.concat(answers).sort_index()
    scored = scored.assign(source=rows["source"], line=rows["line"])
    return scored[list(SCORED_COLUMNS)]
