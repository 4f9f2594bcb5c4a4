"""Review cases for tests, and decisions on them."""

import uuid

from fraudops import review, store
from fraudops.store import case_rules, ddl
from fraudops.timeline import DAY

NOON = 20_000 * DAY + DAY // 2
LONG = "the customer said so on the phone"


def identifier(sample=False, blind=False):
    """A prediction id that falls into the random sample, into the blind tenth, or into neither."""
    while True:
        made = ("00" if sample else "ff") + uuid.uuid4().hex[2:]
        in_sample = made < case_rules.get_sample_id_bound(case_rules.SAMPLE_SHARE)
        if in_sample == sample and (
            sample or case_rules.is_sampled(made, case_rules.BLIND_SHARE) == blind
        ):
            return made


def fill(engine, flagged, approved=0, ts=NOON, sampled=0, blind=False, probability=0.4, cents=1000):
    """Transactions t0, t1, ... of rising amount with predictions and cases.

    The first `flagged` are sent to review. Of the approved ones after them the last `sampled`
    fall into the random sample.
    """
    rows = range(flagged + approved)
    tx = [
        {
            "tx_id": f"t{i}",
            "ts": ts + i,
            "customer_id": "c",
            "terminal_id": "m",
            "amount_cents": cents * (i + 1),
        }
        | {"category": "food", "channel": "chip"}
        for i in rows
    ]
    scores = [
        {
            "prediction_id": identifier(i >= flagged + approved - sampled, blind),
            "tx_id": f"t{i}",
            "ts": ts + i,
        }
        | {
            "scored_at": 1.0,
            "model_version": "1",
            "probability": probability if i < flagged else 0.01,
            "threshold": 0.2,
        }
        | {"decision": "review" if i < flagged else "approve"}
        for i in rows
    ]
    with store.write_transaction(engine) as connection:
        store.insert_new(connection, store.transactions, tx)
        store.insert_new(connection, store.predictions, scores)
    return review.ReviewQueue(engine).open_cases()


def say(engine, tx_id, verdict, actor, reason="", note=""):
    """A decision with the first reason that fits."""
    reason = reason or next(
        code for code, one in review.REASON_CODES.items() if one.verdict == verdict
    )
    return review.ReviewQueue(engine).record_decision(tx_id, verdict, actor, reason, note)


def drop_ledger_triggers(connection):
    """Drop the triggers of the database, as a person with every right can."""
    is_sqlite = connection.dialect.name == "sqlite"
    for name in ddl._SQLITE_TRIGGERS if is_sqlite else ddl._POSTGRES_TRIGGERS:
        table = "labels" if name.startswith("label_") else "ledger"
        on_table = "" if is_sqlite else f" ON {table}"
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{on_table}")
