"""The tables of the operational database. Every change of a table needs a migration."""

import sqlalchemy as sa

from fraudops.store import ddl
from fraudops.store.json_column import derived_column

METADATA = sa.MetaData()


def _text_column(name: str, **options: object) -> sa.Column:
    return sa.Column(name, sa.String(200), **options)


transactions = sa.Table(
    "transactions",
    METADATA,
    _text_column("tx_id", primary_key=True),
    sa.Column("ts", sa.BigInteger, nullable=False),
    _text_column("customer_id", nullable=False),
    _text_column("terminal_id", nullable=False),
    sa.Column("amount_cents", sa.BigInteger, nullable=False),
    _text_column("category", nullable=False),
    _text_column("channel", nullable=False),
    sa.Column("lat_cdeg", sa.Integer),  # hundredths of a degree, null when unknown or online
    sa.Column("lon_cdeg", sa.Integer),
    # PostgreSQL's index rows may not be as wide as the next one's
    sa.Index("tx_customer", "customer_id", "ts").ddl_if(dialect="postgresql"),
    # all that features need of the past, so that the table itself is not looked up row by row
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
refunds = sa.Table(  # money that goes back; never scored
    "refunds",
    METADATA,
    _text_column("tx_id", primary_key=True),
    sa.Column("ts", sa.BigInteger, nullable=False),
    _text_column("customer_id", nullable=False),
    _text_column("terminal_id", nullable=False),
    sa.Column("amount_cents", sa.BigInteger, nullable=False),  # below 0
    _text_column("kind", nullable=False),  # refund or reversal
    sa.Index("refund_customer", "customer_id", "ts"),
)
labels = sa.Table(
    "labels",
    METADATA,
    _text_column("tx_id", primary_key=True),
    _text_column("source", primary_key=True),  # chargeback or reviewer
    _text_column("actor", primary_key=True),
    _text_column("customer_id", nullable=False),
    _text_column("terminal_id", nullable=False),
    sa.Column("is_fraud", sa.Integer, nullable=False),
    sa.Column("label_ts", sa.BigInteger, nullable=False),
    sa.Index("label_customer", "customer_id", "label_ts"),
    sa.Index("label_terminal", "terminal_id", "label_ts"),
)
predictions = sa.Table(
    "predictions",
    METADATA,
    _text_column("prediction_id", primary_key=True),
    _text_column("tx_id", nullable=False, unique=True),
    sa.Column("ts", sa.BigInteger, nullable=False),
    sa.Column("scored_at", sa.Float, nullable=False),
    _text_column("model_version", nullable=False),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("threshold", sa.Float, nullable=False),
    _text_column("decision", nullable=False),  # approve, review or block
    sa.Index("prediction_time", "ts"),  # the dashboard counts in it, without the rows
    sa.Index("prediction_version", "model_version", "ts"),  # when a version began, without the rows
    sa.Index("prediction_decision", "decision", "ts"),
    # the highest scores first, without sorting all
    sa.Index("prediction_score", "decision", "probability"),
)
evidence = sa.Table(  # what a prediction was made of
    "evidence",
    METADATA,
    _text_column("prediction_id", primary_key=True),
    # JSON: the model's inputs in the order of `definitions.FEATURES`
    sa.Column("inputs", sa.Text, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),  # JSON
    # JSON: which of customer and terminal had no history
    sa.Column("cold_start", sa.Text, nullable=False),
    # JSON: expected loss in euros, the reason in words, and the policy; null before revision 0004
    sa.Column("decision_basis", sa.Text),
)
shadow = sa.Table(  # what the challenger would have said; never returned
    "shadow",
    METADATA,
    _text_column("prediction_id", primary_key=True),
    _text_column("model_version", primary_key=True),
    _text_column("tx_id", nullable=False, index=True),
    sa.Column("scored_at", sa.Float, nullable=False),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("threshold", sa.Float, nullable=False),
    _text_column("decision", nullable=False),
)
controls = sa.Table(  # what all workers of the service follow
    "controls",
    METADATA,
    _text_column("key", primary_key=True),
    sa.Column("value", sa.Text, nullable=False),  # JSON
    sa.Column("changed_at", sa.Float, nullable=False),
)
cases = sa.Table(
    "cases",
    METADATA,
    _text_column("tx_id", primary_key=True),
    sa.Column("opened_ts", sa.BigInteger, nullable=False),
    # flagged by the model, or a random sample of what it approved
    _text_column("kind", nullable=False, default="flagged"),
    # 1: the score is hidden until a first opinion is given
    sa.Column("blind", sa.Integer, nullable=False, default=0),
    # open, second (waits for a second person), closed (decided), or settled (its label arrived
    # before a decision, see `ledger.settle_cases`)
    _text_column("state", nullable=False, index=True),
    sa.Column("expected_loss_cents", sa.Float, nullable=False),
    _text_column("proposed"),  # the first person's verdict, while it waits for a second
    _text_column("proposed_by"),
    _text_column("claimed_by"),
    sa.Column("claimed_at", sa.Float, nullable=False, default=0.0),
    sa.Column("claimed_until", sa.Float, nullable=False, default=0.0),
)
decisions = sa.Table(
    "decisions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _text_column("tx_id", nullable=False, index=True),
    # opinion (score hidden), decision, proposal, confirmation, objection, undo (takes the person's
    # verdict before it back)
    _text_column("stage", nullable=False, default="decision"),
    _text_column("verdict", nullable=False),  # fraud, genuine or unsure
    _text_column("reason", nullable=False, default=""),  # a code of `cases.REASONS`
    sa.Column("note", sa.Text, nullable=False),
    _text_column("actor", nullable=False),
    sa.Column("decided_at", sa.Float, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False, default=0.0),  # since the case was taken
    sa.Column("override", sa.Integer, nullable=False, default=0),  # 1: against the model
)
drafts = sa.Table(  # what a person has typed about a case and not recorded yet
    "drafts",
    METADATA,
    _text_column("tx_id", primary_key=True),
    _text_column("actor", primary_key=True),
    _text_column("verdict", nullable=False),  # or empty
    _text_column("reason", nullable=False),  # a code of `policy.REASON_CODES`, or empty
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("saved_at", sa.Float, nullable=False),
)
skips = sa.Table(  # the latest time that a person put a case back without a decision
    "skips",
    METADATA,
    _text_column("tx_id", primary_key=True),
    _text_column("actor", primary_key=True),
    _text_column("reason", nullable=False),  # a code of `policy.SKIP_REASONS`
    sa.Column("skipped_at", sa.Float, nullable=False),
    sa.Column("until", sa.Float, nullable=False),  # nobody is given the case before; 0: at once
)
preferences = sa.Table(  # of each person at the review desk: settings, and saved views
    "preferences",
    METADATA,
    _text_column("actor", primary_key=True),
    _text_column("name", primary_key=True),
    sa.Column("value", sa.Text, nullable=False),  # JSON
)
users = sa.Table(  # of the review page
    "users",
    METADATA,
    _text_column("name", primary_key=True),
    _text_column("role", nullable=False),  # analyst, supervisor, auditor or admin
    _text_column("password", nullable=False),  # hashed
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
    _text_column("what", nullable=False),  # rollback
    _text_column("version", nullable=False),  # the champion when it was asked
    sa.Column("reason", sa.Text, nullable=False),
    _text_column("asked_by", nullable=False),
    sa.Column("asked_at", sa.Float, nullable=False),
    _text_column("state", nullable=False),  # open, granted, refused or withdrawn
    _text_column("answered_by"),
    sa.Column("answered_at", sa.Float),
)
alerts = sa.Table(
    "alerts",
    METADATA,
    _text_column("alert_id", primary_key=True),
    sa.Column("as_of", sa.BigInteger, nullable=False),
    _text_column("severity", nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
alert_changes = sa.Table(  # what people and retrainings did about alerts
    "alert_changes",
    METADATA,
    _text_column("alert_id", primary_key=True),
    _text_column("state", primary_key=True),  # acknowledged or closed
    _text_column("outcome", nullable=False),  # of a closed one, see `monitoring.AlertLog`
    sa.Column("reason", sa.Text, nullable=False),
    _text_column("actor", nullable=False),
    sa.Column("changed_at", sa.Float, nullable=False),
)
deliveries = sa.Table(  # of alerts, to the webhook
    "deliveries",
    METADATA,
    _text_column("alert_id", primary_key=True),
    sa.Column("delivered_at", sa.Float, nullable=False),
)
failed_deliveries = sa.Table(  # alerts that the webhook refused
    "failed_deliveries",
    METADATA,
    _text_column("alert_id", primary_key=True),
    sa.Column("tries", sa.Integer, nullable=False),
    _text_column("last_error", nullable=False),
    sa.Column("failed_at", sa.Float, nullable=False),  # seconds since 1970, of the last try
    sa.Column("given_up", sa.Integer, nullable=False),  # 1 if it is not tried again
)
ledger = sa.Table(
    "ledger",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),  # canonical JSON: at, actor, event, payload
    _text_column("previous", nullable=False),
    _text_column("hash", nullable=False),
    _text_column("signature"),  # of the hash, see `signing_key`; null before revision 0007
    derived_column("event", sa.String(200)),  # these three make searches fast
    derived_column("actor", sa.String(200)),
    derived_column("at", sa.Float()),
    sa.Index("ledger_event", "event", "seq"),
    sa.Index("ledger_actor", "actor", "seq"),
    sa.Index("ledger_at", "at", "seq"),
)
sealed = sa.Table(  # which rows a "seal" entry of the ledger vouches for
    "sealed",
    METADATA,
    _text_column("kind", primary_key=True),  # the table
    _text_column("key", primary_key=True),
    _text_column("source", primary_key=True, default=""),  # of a label
    _text_column("actor", primary_key=True, default=""),  # of a label
    sa.Column("seal", sa.Integer, nullable=False),  # number of the entry
    _text_column("digest"),  # of the row, to name it if it changes; null before this column
    sqlite_with_rowid=False,  # a million of them are read in order
)
days = sa.Table(  # of a month that is played: what came of each, and what the next has to know
    "days",
    METADATA,
    _text_column("policy", primary_key=True),
    sa.Column("ts", sa.BigInteger, primary_key=True),  # its first second
    sa.Column("row", sa.Text, nullable=False),  # JSON
    sa.Column("state", sa.Text, nullable=False),  # JSON
)
operation = sa.Table("operation", METADATA, _text_column("key", primary_key=True))

# however the tables are made, the database itself refuses what `ddl` lists
sa.event.listen(
    METADATA, "after_create", lambda _target, connection, **_: ddl.create_triggers(connection)
)
