"""The operational database through SQLAlchemy: transactions, labels, predictions, cases, decisions, alerts, ledger."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.dialects import postgresql, sqlite

from fraudops.workspace import UserError, Workspace

METADATA = sa.MetaData()


def _text(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.String(200), **options)


transactions = sa.Table(
    "transactions",
    METADATA,
    _text("tx_id", primary_key=True),
    sa.Column("ts", sa.BigInteger, nullable=False),
    _text("customer_id", nullable=False),
    _text("terminal_id", nullable=False),
    sa.Column("amount_cents", sa.BigInteger, nullable=False),
    _text("category", nullable=False),
    _text("channel", nullable=False),
    sa.Column("lat_cdeg", sa.Integer),  # hundredths of a degree, null when unknown or online
    sa.Column("lon_cdeg", sa.Integer),
    sa.Index("tx_customer", "customer_id", "ts").ddl_if(
        dialect="postgresql"
    ),  # whose index rows may not be as wide as the next
    # all that features need of the past, so that the table itself is not looked up row by row
    sa.Index(
        "tx_customer_all", "customer_id", "ts", "amount_cents", "terminal_id", "category", "channel", "lat_cdeg", "lon_cdeg"
    ).ddl_if(dialect="sqlite"),
    sa.Index("tx_terminal", "terminal_id", "ts", "amount_cents"),
)
labels = sa.Table(
    "labels",
    METADATA,
    _text("tx_id", primary_key=True),
    _text("source", primary_key=True),  # chargeback or reviewer
    _text("actor", primary_key=True),
    _text("customer_id", nullable=False),
    _text("terminal_id", nullable=False),
    sa.Column("is_fraud", sa.Integer, nullable=False),
    sa.Column("label_ts", sa.BigInteger, nullable=False),
    sa.Index("label_customer", "customer_id", "label_ts"),
    sa.Index("label_terminal", "terminal_id", "label_ts"),
)
predictions = sa.Table(
    "predictions",
    METADATA,
    _text("prediction_id", primary_key=True),
    _text("tx_id", nullable=False, unique=True),
    sa.Column("ts", sa.BigInteger, nullable=False),
    sa.Column("scored_at", sa.Float, nullable=False),
    _text("model_version", nullable=False),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("threshold", sa.Float, nullable=False),
    _text("decision", nullable=False),  # approve, review or block
    sa.Index("prediction_day", "ts", "decision", "model_version"),  # the dashboard counts in it, without the rows
    sa.Index("prediction_decision", "decision", "ts"),
)
evidence = sa.Table(  # what a prediction was made of
    "evidence",
    METADATA,
    _text("prediction_id", primary_key=True),
    sa.Column("inputs", sa.Text, nullable=False),  # JSON: the model's inputs in the order of `features.FEATURES`
    sa.Column("reasons", sa.Text, nullable=False),  # JSON
    sa.Column("cold_start", sa.Text, nullable=False),  # JSON: which of customer and terminal had no history
)
shadow = sa.Table(  # what the challenger would have said; never returned
    "shadow",
    METADATA,
    _text("prediction_id", primary_key=True),
    _text("model_version", primary_key=True),
    _text("tx_id", nullable=False, index=True),
    sa.Column("scored_at", sa.Float, nullable=False),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("threshold", sa.Float, nullable=False),
    _text("decision", nullable=False),
)
controls = sa.Table(  # what all workers of the service follow
    "controls",
    METADATA,
    _text("key", primary_key=True),
    sa.Column("value", sa.Text, nullable=False),  # JSON
    sa.Column("changed_at", sa.Float, nullable=False),
)
cases = sa.Table(
    "cases",
    METADATA,
    _text("tx_id", primary_key=True),
    sa.Column("opened_ts", sa.BigInteger, nullable=False),
    _text("kind", nullable=False, default="flagged"),  # flagged by the model, or a random sample of what it approved
    sa.Column("blind", sa.Integer, nullable=False, default=0),  # 1: the score is hidden until a first opinion is given
    _text("state", nullable=False, index=True),  # open, second (waits for a second person) or closed
    sa.Column("expected_loss_cents", sa.Float, nullable=False),
    _text("proposed"),  # the first person's verdict, while it waits for a second
    _text("proposed_by"),
    _text("claimed_by"),
    sa.Column("claimed_at", sa.Float, nullable=False, default=0.0),
    sa.Column("claimed_until", sa.Float, nullable=False, default=0.0),
)
decisions = sa.Table(
    "decisions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("tx_id", nullable=False, index=True),
    _text("stage", nullable=False, default="decision"),  # opinion (score hidden), decision, proposal, confirmation, objection
    _text("verdict", nullable=False),  # fraud, genuine or unsure
    _text("reason", nullable=False, default=""),  # a code of `cases.REASONS`
    sa.Column("note", sa.Text, nullable=False),
    _text("actor", nullable=False),
    sa.Column("decided_at", sa.Float, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False, default=0.0),  # since the case was taken
    sa.Column("override", sa.Integer, nullable=False, default=0),  # 1: against the model
)
users = sa.Table(  # of the review page
    "users",
    METADATA,
    _text("name", primary_key=True),
    _text("role", nullable=False),  # analyst, supervisor, auditor or admin
    _text("password", nullable=False),  # hashed
    sa.Column("one_time", sa.Integer, nullable=False),  # 1: must be changed at the next login
    sa.Column("active", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False, default=0),  # wrong passwords in a row
    sa.Column("locked_until", sa.Float, nullable=False, default=0.0),
    sa.Column("created_at", sa.Float, nullable=False),
)
requests = sa.Table(  # of one person, which a second has to grant
    "requests",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("what", nullable=False),  # rollback
    _text("version", nullable=False),  # the champion when it was asked
    sa.Column("reason", sa.Text, nullable=False),
    _text("asked_by", nullable=False),
    sa.Column("asked_at", sa.Float, nullable=False),
    _text("state", nullable=False),  # open, granted, refused or withdrawn
    _text("answered_by"),
    sa.Column("answered_at", sa.Float),
)
alerts = sa.Table(
    "alerts",
    METADATA,
    _text("alert_id", primary_key=True),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    _text("severity", nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
deliveries = sa.Table(  # of alerts, to the webhook
    "deliveries",
    METADATA,
    _text("alert_id", primary_key=True),
    sa.Column("delivered_at", sa.Float, nullable=False),
)
ledger = sa.Table(
    "ledger",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),  # canonical JSON: at, actor, event, payload
    _text("previous", nullable=False),
    _text("hash", nullable=False),
)
days = sa.Table(  # of a month that is played: what came of each, and what the next has to know
    "days",
    METADATA,
    _text("policy", primary_key=True),
    sa.Column("ts", sa.BigInteger, primary_key=True),  # its first second
    sa.Column("row", sa.Text, nullable=False),  # JSON
    sa.Column("state", sa.Text, nullable=False),  # JSON
)
operation = sa.Table("operation", METADATA, _text("key", primary_key=True))

for _action in ("UPDATE", "DELETE"):
    sa.event.listen(
        ledger,
        "after_create",
        sa.DDL(
            f"CREATE TRIGGER ledger_no_{_action.lower()} BEFORE {_action} ON ledger "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        ).execute_if(dialect="sqlite"),
    )


def connect(workspace: Workspace, url: str = "") -> sa.Engine:
    """The workspace's database, or that of the URL; its tables made if need be."""
    url = url or workspace.database_url
    engine = sa.create_engine(url, connect_args=_arguments(url))
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def on_connect(connection, _record):  # type: ignore[no-untyped-def]
            connection.isolation_level = None  # we say BEGIN ourselves, below
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a committed prediction survives a power cut

        @sa.event.listens_for(engine, "begin")
        def on_begin(connection: sa.Connection) -> None:
            immediate = connection.get_execution_options().get("writing", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    with engine.execution_options(writing=True).begin() as connection:
        METADATA.create_all(connection)
    return engine


def _arguments(url: str) -> dict[str, object]:
    return {"timeout": 30} if url.startswith("sqlite") else {}


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that holds the write lock from its first statement, so that read-then-write cannot interleave."""
    with engine.execution_options(writing=True).begin() as connection:
        yield connection


def insert_new(connection: sa.Connection, table: sa.Table, rows: list[dict]) -> int:
    """Insert the rows whose key is not there yet; the others stay as they are. Returns how many were new."""
    if not rows:
        return 0
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table).on_conflict_do_nothing()
    return connection.execute(insert, rows).rowcount


def frame(connection: sa.Connection, query: sa.Select) -> pd.DataFrame:
    """The rows of a query as a frame."""
    result = connection.execute(query)
    return pd.DataFrame(result.all(), columns=list(result.keys()))


def transaction_rows(tx: pd.DataFrame) -> list[dict]:
    """Rows for `transactions` from canonical columns; a place that is not known becomes NULL."""
    rows = tx[[column.name for column in transactions.columns]]
    places = {name: rows[name].astype(object).where(rows[name].notna(), None) for name in ("lat_cdeg", "lon_cdeg")}
    return rows.assign(**places).to_dict("records")


def label_rows(known: pd.DataFrame, source: str = "chargeback", actor: str = "issuer") -> list[dict]:
    """Rows for `labels` from fraud reports (tx_id, customer_id, terminal_id, label_ts)."""
    columns = ["tx_id", "customer_id", "terminal_id", "label_ts"]
    return known[columns].assign(source=source, actor=actor, is_fraud=1).to_dict("records")


@contextmanager
def in_use(workspace: Workspace) -> Iterator[None]:
    """While the block runs, `begin_operation` of another process does not move the database away."""
    with FileLock(workspace.path("state", ".store.lock")):
        yield


def begin_operation(workspace: Workspace, key: str) -> sa.Engine:
    """The database of one operation: one data set and its first champion.

    That of another operation is moved aside to ``store/archive/``, complete, before a new one begins with the same users.

    Raises
    ------
    UserError
        On a server database that already holds another operation: that one is not ours to move.
    """
    with in_use(workspace):
        return _begin(workspace, key)


def _begin(workspace: Workspace, key: str) -> sa.Engine:
    engine = connect(workspace)
    with writing(engine) as connection:
        held = connection.scalar(sa.select(operation.c.key))
        if held is None:
            connection.execute(operation.insert(), {"key": key})
        people = [dict(row) for row in connection.execute(sa.select(users)).mappings()]
    if held in (None, key):
        return engine
    engine.dispose()
    if not workspace.database_url.startswith("sqlite"):
        raise UserError(
            "The database of FRAUDOPS_DATABASE_URL holds the operation of another data set or champion. "
            "Name an empty database, or remove that one yourself."
        )
    file = workspace.path("store", "fraudops.db")
    shutil.move(file, workspace.path("store", "archive", f"{held[:16]}-{int(file.stat().st_mtime)}.db"))
    for leftover in (file.with_name(file.name + suffix) for suffix in ("-wal", "-shm")):
        leftover.unlink(missing_ok=True)
    engine = _begin(workspace, key)
    with writing(engine) as connection:
        insert_new(connection, users, people)
    return engine


def copy(engine: sa.Engine, to: Workspace) -> None:
    """Copy everything into the SQLite file of another workspace, which is made anew; from any engine."""
    file = to.path("store", "fraudops.db")
    for old in (file, *(file.with_name(file.name + suffix) for suffix in ("-wal", "-shm"))):
        old.unlink(missing_ok=True)
    target = connect(to, to.database_file_url)
    with engine.connect() as source, writing(target) as connection:
        for table in METADATA.sorted_tables:
            for part in source.execute(sa.select(table)).mappings().partitions(10_000):
                connection.execute(table.insert(), [dict(row) for row in part])
    target.dispose()
