"""What students do in the worlds of the labs, with the tools of the course: right and wrong."""

import dataclasses

import sqlalchemy as sa
import yaml

from fraudops import ledger, store
from fraudops.incidents.labs.cents_world import ALERT
from fraudops.incidents.labs.storm_world import StormPlan
from fraudops.incidents.labs.verdict_world import VerdictPlan
from fraudops.ledger import REGISTERED_MODEL_NAME, BrokenLedgerError
from fraudops.models import GateResult, ModelRegistry
from fraudops.monitoring import AlertLog, hold_broken_days


def hold(folder):
    hold_broken_days(folder.workspace)


def close_alert(outcome):
    def act(folder):
        engine = store.connect(folder.workspace)
        AlertLog(engine).close(ALERT, outcome, "a reason of a student", "ada")
        engine.dispose()

    return act


def hold_sound_days(folder):
    hold(folder)
    held = folder.workspace.held_days()
    folder.workspace.write_json("data/held.json", {"days": ["2026-02-25", *held]})


def roll_back(folder):
    engine = store.connect(folder.workspace)
    ModelRegistry(folder.workspace).roll_back(engine, "everything is declined", actor="ada")
    engine.dispose()


def hold_and_close(folder):
    hold(folder)
    close_alert("data repaired")(folder)


def promote(version):
    def act(folder):
        engine = store.connect(folder.workspace)
        ModelRegistry(folder.workspace).promote(engine, version, "a reason", actor="ada")
        engine.dispose()

    return act


def promote_good(folder):
    engine = store.connect(folder.workspace)
    with engine.connect() as connection:
        previous = ledger.load_entries(connection, "champion")[-1]["payload"]["previous"]
    ModelRegistry(folder.workspace).promote(engine, previous, "a reason", actor="ada")
    engine.dispose()


def move_alias(folder):
    client = ModelRegistry(folder.workspace).client
    client.set_registered_model_alias(REGISTERED_MODEL_NAME, "champion", "1")


def delete_version(folder):
    registry = ModelRegistry(folder.workspace)
    bad = registry.find().version
    registry.client.delete_registered_model_alias(REGISTERED_MODEL_NAME, "champion")
    registry.client.delete_model_version(REGISTERED_MODEL_NAME, bad)


def switch_to_rules(folder):
    engine = store.connect(folder.workspace)
    ledger.change_deployment(engine, {"mode": {"mode": "rules"}}, "ada", "the model is wrong")
    engine.dispose()


def refuse(folder):
    engine = store.connect(folder.workspace)
    gate = GateResult("no column knows the future", 1.0, 0.0, False, "columns")
    ModelRegistry(folder.workspace).record_refusal(engine, "2", [gate], actor="ada")
    engine.dispose()


def set_service(**changes):
    def act(folder):
        path = folder.workspace.root / "service.yml"
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        path.write_text(yaml.safe_dump(form | changes), encoding="utf-8")

    return act


def mend_service(folder, **changes):
    plan = StormPlan.draw(folder.seed)
    jobs = yaml.safe_load((folder.workspace.root / "service.yml").read_text("utf-8"))["jobs"]
    if plan.is_lock:
        changes |= {"jobs": jobs | {plan.job: "03:30"}}
    else:
        changes |= {"restart": [plan.worker]}
    set_service(**changes)(folder)


def mend_service_and_more(folder):
    mend_service(folder, workers=5)


def verify(folder):
    try:
        ledger.verify_and_report(folder.workspace)
    except BrokenLedgerError:
        return
    raise AssertionError("the record holds")


def correct_row(folder):
    case, d = VerdictPlan.draw(folder.seed).target, store.decisions
    engine = store.connect(folder.workspace)
    is_own = sa.and_(d.c.tx_id == case.tx_id, d.c.stage == "decision")
    with store.write_transaction(engine) as connection:
        right = {"verdict": case.verdict, "reason": case.reason}
        connection.execute(d.update().where(is_own).values(right))
    engine.dispose()


def decide_again(folder):
    case = VerdictPlan.draw(folder.seed).target
    row = dataclasses.asdict(case)
    kept = {name: row[name] for name in ("tx_id", "verdict", "reason")}
    engine = store.connect(folder.workspace)
    with store.write_transaction(engine) as connection:
        more = {"note": "", "actor": "dora", "decided_at": 1.8e9, "stage": "decision"}
        connection.execute(store.decisions.insert(), kept | more)
    engine.dispose()


def nothing(folder):
    pass


# lab: the right action
RIGHT = {
    "cents-monday": hold,
    "midnight-promotion": roll_back,
    "too-good-challenger": refuse,
    "503-storm": mend_service,
    "vanished-verdict": verify,
}
# lab: action, diagnosis, points
WRONG = {
    "cents-monday": [
        (nothing, "days_not_held", 0),
        (close_alert("retrained"), "closed_as_no_fault", 0),
        (close_alert("service repaired"), "closed_as_no_fault", 0),
        (hold_and_close, "closed_too_early", 2),
        (hold_sound_days, "sound_days_held", 2),
    ],
    "midnight-promotion": [
        (nothing, "still_deciding", 0),
        (promote_good, "promoted_again", 2),
        (promote("1"), "wrong_version", 0),
        (move_alias, "alias_only", 0),
        (delete_version, "version_deleted", 0),
        (switch_to_rules, "rules_cost_more", 2),
    ],
    "too-good-challenger": [(nothing, "not_recorded", 2), (promote("2"), "promoted", 0)],
    "503-storm": [
        (nothing, "nothing_changed", 0),
        (mend_service_and_more, "costs_more", 2),
        (set_service(places=20_000), "still_refusing", 0),
        (set_service(workers="many"), "unreadable", 0),
    ],
    "vanished-verdict": [
        (nothing, "not_verified", 0),
        (correct_row, "evidence_destroyed", 0),
        (decide_again, "decided_again", 2),
    ],
}
