"""A rollback needs two people: who may answer, what is refused, and that champion, ledger and
registry agree afterwards.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor

import mlflow
import pytest
import sqlalchemy as sa
from mlflow import MlflowClient

from fraudops import audit_app, ledger, models, review, store, timeline
from fraudops.audit_app import page as page_module
from fraudops.errors import UserError
from fraudops.models import FittedModel
from fraudops.workspace import Workspace
from tests.support.page import audit_server, open_tab, person, visit

WHY = "it misses every second fraud"


@pytest.fixture
def workspace(small_workspace, tmp_path) -> Workspace:
    """A copy with a second champion, so that there is somebody to go back to."""
    copy = tmp_path / "workspace"
    shutil.copytree(small_workspace.root, copy)
    return Workspace.find(copy)


@pytest.fixture
def engine(workspace):
    engine = store.connect(workspace)
    first = models.ModelRegistry(workspace).find()
    models.ModelRegistry(workspace).select_experiment("champion")
    with store.write_transaction(engine) as connection:
        inputs = connection.execute(sa.select(store.evidence.c.inputs).limit(5)).scalars().all()
    with mlflow.start_run():
        again = models.ModelRegistry(workspace).register(
            FittedModel(first.load(), first.policy, "plain", 1, 1), _frame(inputs)
        )
    models.ModelRegistry(workspace).promote(engine, again.version, "it was better for a week")
    yield engine
    engine.dispose()


def _frame(inputs):
    import json

    from fraudops.models import build_input_frame as frame

    return frame([json.loads(text) for text in inputs])


def champion(workspace) -> str:
    return str(
        MlflowClient(tracking_uri=workspace.tracking_uri)
        .get_model_version_by_alias(ledger.REGISTERED_MODEL_NAME, "champion")
        .version
    )


def states(engine) -> list[str]:
    with engine.connect() as connection:
        assert ledger.verify_chain(connection) is None
        return [entry["payload"]["state"] for entry in ledger.load_entries(connection, "request")]


def test_two_people_bring_the_previous_champion_back(workspace, engine):
    assert champion(workspace) == "2"
    number = review.request_rollback(engine, WHY, "ann")
    with pytest.raises(UserError, match="another person must"):
        review.answer_rollback(workspace, engine, number, True, "ann")
    assert champion(workspace) == "2"
    assert review.answer_rollback(workspace, engine, number, True, "bob") == "1"
    assert champion(workspace) == "1" and review.find_open_rollback_request(engine) is None
    move = ledger.load_champion_changes(engine)[-1]
    assert (move["version"], move["kind"], move["actor"]) == ("1", "rollback", "bob")
    assert WHY in move["reason"] and "asked by ann" in move["reason"]
    assert (
        states(engine) == ["open", "granted"]
        and ledger.verify_anchored_chain(workspace, engine, registry=False) is None
    )


def test_what_cannot_be_asked(engine):
    with pytest.raises(UserError, match="at least 15 letters"):
        review.request_rollback(engine, "   too short   ", "ann")
    review.request_rollback(engine, WHY, "ann")
    with pytest.raises(UserError, match="asked for already"):
        review.request_rollback(engine, WHY, "bob")
    assert states(engine) == ["open"]


def test_the_first_model_has_nobody_before_it(small_workspace):
    engine = store.connect(small_workspace)
    with pytest.raises(UserError, match="no previous champion"):
        review.request_rollback(engine, WHY, "ann")
    engine.dispose()


def test_a_refused_or_withdrawn_request_changes_nothing(workspace, engine):
    number = review.request_rollback(engine, WHY, "ann")
    with pytest.raises(UserError, match="only they can withdraw"):
        review.withdraw_rollback(engine, number, "bob")
    assert review.answer_rollback(workspace, engine, number, False, "bob") is None
    second = review.request_rollback(engine, WHY, "ann")
    review.withdraw_rollback(engine, second, "ann")
    for gone in (number, second, 99):
        with pytest.raises(UserError, match="answered already, or withdrawn"):
            review.answer_rollback(workspace, engine, gone, True, "bob")
    assert champion(workspace) == "2" and states(engine) == ["open", "refused", "open", "withdrawn"]


def test_a_request_about_another_champion_is_not_granted(workspace, engine):
    number = review.request_rollback(engine, WHY, "ann")
    models.ModelRegistry(workspace).roll_back(engine, "somebody was faster")
    with pytest.raises(UserError, match="has changed since"):
        review.answer_rollback(workspace, engine, number, True, "bob")
    assert champion(workspace) == "1" and states(engine) == ["open"]


def test_a_champion_that_went_and_came_back_is_another_one(workspace, engine):
    """Version 2, asked back to 1; then 1, then 2 again, which would go back to 1: yet not what was
    asked about.
    """
    number = review.request_rollback(engine, WHY, "ann")
    models.ModelRegistry(workspace).roll_back(engine, "somebody was faster")
    models.ModelRegistry(workspace).promote(engine, "2", "and changed their mind")
    assert champion(workspace) == "2"
    with pytest.raises(UserError, match="has changed since"):
        review.answer_rollback(workspace, engine, number, True, "bob")
    assert champion(workspace) == "2" and states(engine) == ["open"]
    assert review.answer_rollback(workspace, engine, number, False, "bob") is None
    again = review.request_rollback(engine, WHY, "ann")
    assert review.answer_rollback(workspace, engine, again, True, "bob") == "1"


def test_a_request_that_nobody_made_is_not_granted(workspace, engine):
    forged = {
        "what": "rollback",
        "version": "2",
        "reason": WHY,
        "asked_by": "ann",
        "asked_at": 0.0,
        "state": "open",
    }
    with store.write_transaction(engine) as connection:
        connection.execute(store.requests.insert().values(forged))
    with pytest.raises(UserError, match="no entry for this request"):
        review.answer_rollback(
            workspace, engine, review.find_open_rollback_request(engine).id, True, "bob"
        )
    assert champion(workspace) == "2" and states(engine) == []


def test_two_who_grant_at_once_roll_back_once(workspace, engine):
    number = review.request_rollback(engine, WHY, "ann")

    def grant(actor):
        try:
            return review.answer_rollback(workspace, engine, number, True, actor)
        except UserError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(grant, ["bob", "cem"]))
    assert sorted(answer[:3] for answer in answers) == ["1", "Thi"]
    assert champion(workspace) == "1" and states(engine) == ["open", "granted"]


def test_the_tab_tells_who_was_champion_when(workspace, engine):
    page = audit_app.AuditPage(workspace, engine, "ann")
    page.tabs.selected_index = page_module.TAB_TITLES.index("Model")
    model = page.parts[-1]
    assert page.context.message.value == ""
    assert (
        "Version 2</strong> decides now" in model.now.value
        and "it was better for a week" in model.now.value
    )
    assert (
        "In " in model.rest.value
        and "one in twenty" in model.rest.value
        and "channel: online" in model.rest.value
    )
    import datetime

    model.day.value = datetime.date(2020, 1, 1)
    assert "on 2020-01-01 12:00 UTC there was no champion yet" in model.then.value
    model.day.value = datetime.date(2100, 1, 1)
    assert "version 2" in model.then.value
    (workspace.root / "audit").mkdir(exist_ok=True)
    (workspace.root / "audit" / "model_card.md").write_text(
        "# Card, version 1\n\n<script>alert(1)</script>\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    )
    model.draw()
    assert "<h3>Card, version 1</h3>" in model.rest.value  # below the page's own heading
    assert "This card is about version 1, which is not the champion now" in model.rest.value
    assert "<td>1</td>" in model.rest.value and "<script>" not in model.rest.value


def test_only_the_request_that_was_read_is_granted(workspace, engine):
    first = review.request_rollback(engine, WHY, "ann")
    page = audit_app.AuditPage(workspace, engine, "bob")
    page.tabs.selected_index = page_module.TAB_TITLES.index("Model")
    model = page.parts[-1]
    assert WHY in model.asked.value
    review.withdraw_rollback(engine, first, "ann")
    review.request_rollback(engine, "for quite another reason", "cem")
    model.grant.click()  # what bob has read is gone
    assert (
        "answered already, or withdrawn" in page.context.message.value
        and champion(workspace) == "2"
    )
    assert "quite another reason" in model.asked.value
    model.grant.click()
    assert champion(workspace) == "1"


def test_a_refused_challenger_and_the_units_of_gates_are_shown(workspace, engine):
    gate = {"name": "cost", "figure": 0.25, "limit": 0.1, "passed": False, "unit": "of the fraud"}
    with store.write_transaction(engine) as connection:
        ledger.append_entry(
            connection, "refused", "pipeline", version="7", failed=["cost"], gates=[gate]
        )
        moved = {
            "version": "2",
            "previous": "1",
            "reason": "again",
            "gates": [gate | {"passed": True}],
            "kind": "promotion",
        }
        ledger.append_entry(connection, "champion", "pipeline", **moved)
    page = audit_app.AuditPage(workspace, engine, "ann")
    page.tabs.selected_index = page_module.TAB_TITLES.index("Model")
    model = page.parts[-1]
    assert "did not pass: cost" in model.now.value and "<td>7</td>" in model.now.value
    assert "Version 2</strong> decides now" in model.now.value  # a refusal moves nobody
    assert "<td>of the fraud</td>" in model.then.value
    promoted = ledger.load_champion_changes(engine)[-1]
    for back in ("1", "2"):
        with store.write_transaction(engine) as connection:
            models.ModelRegistry(workspace).set_champion(
                connection, back, "back and forth", "pipeline", kind="rollback"
            )
        model.draw()
        assert (
            f"version {back}</strong>" in model.then.value
            and "(rollback by pipeline" in model.then.value
        )
        # the gates of its own promotion, no other's
        assert ("<td>of the fraud</td>" in model.then.value) == (back == "2")
    assert (
        f"Gates of its promotion on {timeline.format_time(promoted['at'])} UTC" in model.then.value
    )


def test_two_people_roll_back_in_the_browser(browser, workspace, engine, tmp_path):
    for name, role in (("sue", "supervisor"), ("tom", "supervisor"), ("ann", "analyst")):
        person(engine, name, role)
    with audit_server(workspace.root, tmp_path) as (link, _):
        with visit(browser, link, "ann") as ann:
            open_tab(ann.ready(), "Model")
            ann.page.locator("button.fo-ask").wait_for(state="hidden")  # an analyst may not
        assert review.find_open_rollback_request(engine) is None
        with visit(browser, link, "sue") as sue, visit(browser, link, "tom") as tom:
            open_tab(sue.ready(), "Model")
            sue.page.locator(".fo-rollback-reason textarea").fill(WHY)
            sue.page.locator("button.fo-ask").click()
            sue.page.locator(".fo-done").get_by_text("A second person has to grant it").wait_for()
            assert not sue.page.locator("button.fo-grant").is_visible()
            open_tab(tom.ready(), "Model")
            tom.page.locator(".fo-asked").get_by_text(WHY).wait_for()
            tom.page.locator("button.fo-grant").click()
            tom.page.locator(".fo-done").get_by_text("Version 1 is champion again").wait_for()
            assert tom.errors == []
    assert champion(workspace) == "1"
    move = ledger.load_champion_changes(engine)[-1]
    assert move["actor"] == "tom" and "asked by sue" in move["reason"]
