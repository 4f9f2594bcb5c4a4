"""What the database enforces.

The ledger only grows, a reviewer's label follows from a decision, and one process writes at a time.
"""

import sqlalchemy as sa

WRITE_LOCK_ID = 5_001_917  # of PostgreSQL; any number that no other program uses
LOCK_TIMEOUT_SECONDS = 30  # for another writer, on both engines

_WRONG_SEQ_SQL = "NEW.seq <> coalesce((SELECT max(seq) FROM ledger), 0) + 1"
_WRONG_PREVIOUS_SQL = (
    "NEW.previous <> coalesce((SELECT hash FROM ledger ORDER BY seq DESC LIMIT 1), '{}')".format(
        "0" * 64
    )
)
_NO_DECISION_SQL = (  # a label of a reviewer without the final decision that it follows from
    "NEW.source = 'reviewer' AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.tx_id = NEW.tx_id "
    "AND d.actor = NEW.actor AND d.stage IN ('decision', 'confirmation') "
    "AND d.verdict = CASE NEW.is_fraud WHEN 1 THEN 'fraud' ELSE 'genuine' END)"
)
_NO_DECISION_MESSAGE = "a label of a reviewer follows from a decision: record the decision"
_REFUSE_SQL = "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
_SQLITE_TRIGGERS = {
    "ledger_no_update": f"BEFORE UPDATE ON ledger {_REFUSE_SQL}",
    "ledger_no_delete": f"BEFORE DELETE ON ledger {_REFUSE_SQL}",
    # INSERT OR REPLACE deletes without asking the trigger above, so it is stopped here
    "ledger_next": f"BEFORE INSERT ON ledger WHEN {_WRONG_SEQ_SQL} OR {_WRONG_PREVIOUS_SQL} "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: an entry follows the last one'); END",
    "label_has_decision": f"BEFORE INSERT ON labels WHEN {_NO_DECISION_SQL} "
    f"BEGIN SELECT RAISE(ABORT, '{_NO_DECISION_MESSAGE}'); END",
    "label_keeps_decision": f"BEFORE UPDATE ON labels WHEN {_NO_DECISION_SQL} "
    f"BEGIN SELECT RAISE(ABORT, '{_NO_DECISION_MESSAGE}'); END",
}
_POSTGRES_TRIGGERS = {
    "ledger_no_update": "BEFORE UPDATE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_refuse()",
    "ledger_no_delete": "BEFORE DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_refuse()",
    "ledger_no_truncate": "BEFORE TRUNCATE ON ledger "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()",
    "ledger_next": "BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_follow()",
    "label_has_decision": "BEFORE INSERT OR UPDATE ON labels "
    "FOR EACH ROW EXECUTE FUNCTION label_decided()",
}
_POSTGRES_FUNCTIONS = (
    "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
    "BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
    "CREATE OR REPLACE FUNCTION ledger_follow() RETURNS trigger LANGUAGE plpgsql AS $$ "
    f"BEGIN IF {_WRONG_SEQ_SQL} OR {_WRONG_PREVIOUS_SQL} THEN "
    "RAISE EXCEPTION 'the ledger is append-only: an entry follows the last one'; END IF; "
    "RETURN NEW; END $$",
    "CREATE OR REPLACE FUNCTION label_decided() RETURNS trigger LANGUAGE plpgsql AS $$ "
    f"BEGIN IF {_NO_DECISION_SQL} THEN RAISE EXCEPTION '{_NO_DECISION_MESSAGE}'; END IF; "
    "RETURN NEW; END $$",
)


def find_missing_triggers(connection: sa.Connection) -> dict[str, str]:
    """Find the triggers that are not there: they guard the ledger and reviewers' labels.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        To SQLite or PostgreSQL; the tables exist.

    Returns
    -------
    dict of str to str
        Name of the trigger, and the SQL that follows the name.
    """
    if connection.dialect.name == "sqlite":
        triggers, query = _SQLITE_TRIGGERS, "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        triggers = _POSTGRES_TRIGGERS
        query = (
            "SELECT tgname FROM pg_trigger "
            "WHERE tgrelid IN ('ledger'::regclass, 'labels'::regclass)"
        )
    existing = set(connection.exec_driver_sql(query).scalars())
    return {name: text for name, text in triggers.items() if name not in existing}


def create_triggers(connection: sa.Connection) -> None:
    """Create the missing triggers (SQLite and PostgreSQL)."""
    missing = find_missing_triggers(connection)
    for text in _POSTGRES_FUNCTIONS if missing and connection.dialect.name != "sqlite" else ():
        connection.exec_driver_sql(text)
    for name in sorted(missing):
        connection.exec_driver_sql(f"CREATE TRIGGER {name} {missing[name]}")


def begin_transaction(connection: sa.Connection, writing: bool) -> None:
    """Begin a transaction; one that writes holds the write lock from its start."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
    elif connection.dialect.name == "postgresql" and writing:
        connection.exec_driver_sql(
            f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'; SELECT "
            f"pg_advisory_xact_lock({WRITE_LOCK_ID})"
        )
