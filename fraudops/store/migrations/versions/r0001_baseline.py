"""The tables as they were when migrations began (November 2026).

Older databases are completed: what they lack is added, if an empty value or a default says what an
old row means.
"""

import sqlalchemy as sa
from alembic import op

from fraudops.store.migrations import NotMigratableError

revision = "0001"
down_revision = None

BASELINE = sa.MetaData()
# indexes of earlier versions
NO_MORE = ("ix_predictions_ts", "ix_predictions_decision", "prediction_day")


def _text(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.String(200), **options)


def _whole(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.Integer, **options)


def _big(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.BigInteger, nullable=False, **options)


def _real(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Float, nullable=nullable)


def _long(name: str) -> sa.Column:
    return sa.Column(name, sa.Text, nullable=False)


sa.Table(
    "transactions",
    BASELINE,
    _text("tx_id", primary_key=True),
    _big("ts"),
    _text("customer_id", nullable=False),
    _text("terminal_id", nullable=False),
    _big("amount_cents"),
    _text("category", nullable=False),
    _text("channel", nullable=False),
    _whole("lat_cdeg"),
    _whole("lon_cdeg"),
    sa.Index("tx_customer", "customer_id", "ts").ddl_if(dialect="postgresql"),
    sa.Index(
        "tx_customer_all",
        "customer_id",
        "ts",
        "amount_cents",
        "terminal_id",
        "category",
        "channel",
        "lat_cdeg",
        "lon_cdeg",
    ).ddl_if(dialect="sqlite"),
    sa.Index("tx_terminal", "terminal_id", "ts", "amount_cents"),
)
sa.Table(
    "labels",
    BASELINE,
    _text("tx_id", primary_key=True),
    _text("source", primary_key=True),
    _text("actor", primary_key=True),
    _text("customer_id", nullable=False),
    _text("terminal_id", nullable=False),
    _whole("is_fraud", nullable=False),
    _big("label_ts"),
    sa.Index("label_customer", "customer_id", "label_ts"),
    sa.Index("label_terminal", "terminal_id", "label_ts"),
)
sa.Table(
    "predictions",
    BASELINE,
    _text("prediction_id", primary_key=True),
    _text("tx_id", nullable=False, unique=True),
    _big("ts"),
    _real("scored_at"),
    _text("model_version", nullable=False),
    _real("probability"),
    _real("threshold"),
    _text("decision", nullable=False),
    sa.Index("prediction_time", "ts"),
    sa.Index("prediction_version", "model_version", "ts"),
    sa.Index("prediction_decision", "decision", "ts"),
    sa.Index("prediction_score", "decision", "probability"),
)
sa.Table(
    "evidence",
    BASELINE,
    _text("prediction_id", primary_key=True),
    _long("inputs"),
    _long("reasons"),
    _long("cold_start"),
)
sa.Table(
    "shadow",
    BASELINE,
    _text("prediction_id", primary_key=True),
    _text("model_version", primary_key=True),
    _text("tx_id", nullable=False, index=True),
    _real("scored_at"),
    _real("probability"),
    _real("threshold"),
    _text("decision", nullable=False),
)
sa.Table("controls", BASELINE, _text("key", primary_key=True), _long("value"), _real("changed_at"))
sa.Table(
    "cases",
    BASELINE,
    _text("tx_id", primary_key=True),
    _big("opened_ts"),
    _text("kind", nullable=False),
    _whole("blind", nullable=False),
    _text("state", nullable=False, index=True),
    _real("expected_loss_cents"),
    _text("proposed"),
    _text("proposed_by"),
    _text("claimed_by"),
    _real("claimed_at"),
    _real("claimed_until"),
)
sa.Table(
    "decisions",
    BASELINE,
    _whole("id", primary_key=True),
    _text("tx_id", nullable=False, index=True),
    _text("stage", nullable=False),
    _text("verdict", nullable=False),
    _text("reason", nullable=False),
    _long("note"),
    _text("actor", nullable=False),
    _real("decided_at"),
    _real("seconds"),
    _whole("override", nullable=False),
)
sa.Table(
    "users",
    BASELINE,
    _text("name", primary_key=True),
    _text("role", nullable=False),
    _text("password", nullable=False),
    _whole("one_time", nullable=False),
    _whole("active", nullable=False),
    _whole("failures", nullable=False),
    _real("locked_until"),
    _real("created_at"),
)
sa.Table(
    "requests",
    BASELINE,
    _whole("id", primary_key=True),
    _text("what", nullable=False),
    _text("version", nullable=False),
    _long("reason"),
    _text("asked_by", nullable=False),
    _real("asked_at"),
    _text("state", nullable=False),
    _text("answered_by"),
    _real("answered_at", nullable=True),
)
sa.Table(
    "alerts",
    BASELINE,
    _text("alert_id", primary_key=True),
    _big("as_of"),
    _text("severity", nullable=False),
    _long("text"),
)
sa.Table("deliveries", BASELINE, _text("alert_id", primary_key=True), _real("delivered_at"))
sa.Table(
    "ledger",
    BASELINE,
    _whole("seq", primary_key=True, autoincrement=False),
    _long("body"),
    _text("previous", nullable=False),
    _text("hash", nullable=False),
)
sa.Table(
    "sealed",
    BASELINE,
    _text("kind", primary_key=True),
    _text("key", primary_key=True),
    _text("source", primary_key=True),
    _text("actor", primary_key=True),
    _whole("seal", nullable=False),
    sqlite_with_rowid=False,
)
sa.Table(
    "days",
    BASELINE,
    _text("policy", primary_key=True),
    sa.Column("ts", sa.BigInteger, primary_key=True),
    _long("row"),
    _long("state"),
)
sa.Table("operation", BASELINE, _text("key", primary_key=True))

# what a row of an earlier version means by a column that it lacks; columns that may be empty are
# not named
MEANT = {
    "cases.kind": "flagged",
    "cases.blind": "0",
    "cases.claimed_at": "0",
    "decisions.stage": "decision",
    "decisions.reason": "",
    "decisions.seconds": "0",
    "decisions.override": "0",
}


def upgrade() -> None:
    """Create the tables, or complete existing ones."""
    connection = op.get_bind()
    existing = set(sa.inspect(connection).get_table_names())
    for table in BASELINE.sorted_tables:
        if table.name in existing:
            _complete(connection, table)
    BASELINE.create_all(connection)


def _complete(connection: sa.Connection, table: sa.Table) -> None:
    found = sa.inspect(connection)
    columns = {one["name"] for one in found.get_columns(table.name)}
    for column in table.columns:
        place = f"{table.name}.{column.name}"
        if column.name in columns:
            continue
        if not column.nullable and place not in MEANT:
            raise NotMigratableError(f"no {place}")
        op.add_column(
            table.name,
            sa.Column(
                column.name, column.type, nullable=column.nullable, server_default=MEANT.get(place)
            ),
        )
    indexes = {one["name"]: one["column_names"] for one in found.get_indexes(table.name)}
    for name in indexes.keys() & set(NO_MORE):
        op.drop_index(name, table.name)
    for index in table.indexes:
        if index.name in indexes and indexes[index.name] != [one.name for one in index.columns]:
            op.drop_index(index.name, table.name)
        index.create(connection, checkfirst=True)
    if connection.dialect.name == "sqlite" and "tx_customer" in indexes:
        op.drop_index("tx_customer", table.name)  # `tx_customer_all` holds it
