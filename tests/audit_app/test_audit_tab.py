"""The audit tab, the users tab and exports: for whom they are there, and in a real browser."""

import csv
import io
import shutil
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from fraudops import audit_app, ledger, review, store
from fraudops.audit_app import page as page_module
from fraudops.audit_app.auth import users
from fraudops.audit_app.tabs.alerts import AlertPanel
from fraudops.audit_app.tabs.audit import AuditTab
from fraudops.audit_app.tabs.audit_sample import SamplePanel
from fraudops.audit_app.tabs.lists import ListsTab
from fraudops.audit_app.tabs.model import ModelTab
from fraudops.audit_app.tabs.users import UsersTab
from fraudops.audit_app.widgets import PageContext
from fraudops.errors import UserError
from fraudops.ledger.verifier import verify_pack
from fraudops.workspace import Workspace
from tests.support.cases import fill, say
from tests.support.page import Client, audit_server, open_tab, person, visit

ROLE_TABS = {"analyst": (), "supervisor": (), "auditor": ("Audit",), "admin": ("Audit", "Users")}


def decide(engine, number: int) -> None:
    """Decisions of two analysts."""
    queue = review.ReviewQueue(engine)
    for at in range(number):
        actor = ("ann", "bob")[at % 2]
        tx_id = queue.claim_next(actor)
        if queue.is_score_hidden(tx_id, actor):
            queue.record_opinion(tx_id, "fraud", actor)
        say(engine, tx_id, "fraud", actor, note="<img src=x onerror=alert(1)>")


# --- without a browser ---


def test_each_role_sees_its_tabs(workspace, engine):
    for role, extra in ROLE_TABS.items():
        page = audit_app.AuditPage(workspace, engine, person(engine, role, role), role=role)
        assert tuple(page.tabs.titles) == (*page_module.TAB_TITLES, *extra)


def is_shown(widget) -> bool:
    return widget.layout.display != "none"


def test_buttons_that_a_role_may_not_press_are_not_shown(workspace, engine):
    fill(engine, flagged=2)
    for role in store.ROLES:
        context = PageContext(workspace, engine, role, role=role)
        lists, model = ListsTab(context, 25), ModelTab(context)
        alerts = AlertPanel(context, lambda: None)
        model.draw()
        alerts.draw()
        assert is_shown(lists.export) == (role in ("auditor", "admin"))
        assert is_shown(model.ask) == is_shown(model.reason) == (role in ("supervisor", "admin"))
        assert not is_shown(alerts.form)  # there is no alert
        assert ("Evidence packs" in AuditTab(context).sections) == (role in ("auditor", "admin"))


def test_a_hidden_button_that_is_pressed_all_the_same_does_nothing(workspace, engine):
    fill(engine, flagged=2)
    person(engine, "ann")

    def require(action):
        with engine.connect() as connection:
            store.require_permission(connection, "ann", action)

    context = PageContext(workspace, engine, "ann", require, role="admin")  # the page is mistaken
    lists, tab = ListsTab(context, 25), UsersTab(context)
    before = users.list_users(engine)
    for press in (lists.export, tab.add, *tab.buttons.values()):
        press.click()
        assert "may not do this" in context.message.value
    assert users.list_users(engine) == before and lists.file.value == ""
    with engine.connect() as connection:
        assert ledger.load_entries(connection, "export") == []
    with pytest.raises(UserError, match=r"\(audit\)"):
        review.find_entries(engine, "ann", review.EntryFilter(kind="decisions"))


def test_an_admin_manages_users_through_the_functions_of_the_command(workspace, engine):
    person(engine, "eva", "admin")
    context = PageContext(workspace, engine, "eva", role="admin")
    tab = UsersTab(context)
    tab.draw()
    assert tab.chosen.value == "eva"  # the own role and access have no button
    assert [name for name, button in tab.buttons.items() if is_shown(button)] == ["reset"]
    tab.name.value, tab.role.value = " Max ", "auditor"
    tab.add.click()
    assert "One-time password of <strong>max</strong>" in tab.secret.value
    assert tab.chosen.value == "max" and "has a one-time password" in tab.shown.value
    tab.other_role.value = "analyst"
    tab.buttons["role"].click()
    assert "max is analyst" in context.message.value and tab.secret.value == ""
    tab.buttons["off"].click()
    assert not users.find_user(engine, "max").active and not is_shown(tab.buttons["off"])
    tab.buttons["on"].click()
    assert users.find_user(engine, "max").active
    tab.name.value = "two words"
    tab.add.click()
    assert "cannot be a name" in context.message.value
    with engine.connect() as connection:
        changes = ledger.load_entries(connection, "user")
    assert [(one["actor"], one["payload"]["change"]) for one in changes[-4:]] == [
        ("eva", "added"),
        ("eva", "role"),
        ("eva", "deactivated"),
        ("eva", "activated"),
    ]


def test_a_person_who_opens_the_page_later_sees_the_samples_drawn_before(workspace, engine):
    fill(engine, flagged=2)
    decide(engine, 2)
    person(engine, "cem", "auditor")
    numbers = [review.draw_decision_sample(engine, seed, "cem", 2) for seed in (1, 2)]
    panel = SamplePanel(PageContext(workspace, engine, "eva", role="auditor"), lambda _: None)
    panel.draw()
    assert panel.which.value == numbers[1] and is_shown(panel.which)  # the latest
    assert "Sample " in panel.shown.value and panel.chosen.value is not None
    panel.which.value = numbers[0]
    panel.draw()
    assert panel.which.value == numbers[0]


# --- in a browser ---


@pytest.fixture(scope="module")
def workspace_copy(small_workspace, tmp_path_factory) -> Workspace:
    copy = tmp_path_factory.mktemp("auditor") / "workspace"
    shutil.copytree(small_workspace.root, copy)
    return Workspace.find(copy)


@pytest.fixture(scope="module")
def operated(workspace_copy):
    engine = store.connect(workspace_copy)
    decide(engine, 8)
    for name, role in (("cem", "auditor"), ("eva", "admin"), ("ann", "analyst")):
        person(engine, name, role)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def link(workspace_copy, operated, tmp_path_factory):
    with audit_server(workspace_copy.root, tmp_path_factory.mktemp("log")) as (link, _):
        yield link


def choose(page, name: str) -> None:
    page.locator(".fo-which button:visible").get_by_text(name, exact=True).click()


def test_an_auditor_looks_up_judges_verifies_and_takes_evidence(browser, link, operated, tmp_path):
    with visit(browser, link, "cem", width=1400) as visitor:
        page = visitor.ready()
        open_tab(page, "Audit")
        with operated.connect() as connection:
            decided = ledger.load_entries(connection, "decision")
        tx_id = decided[-1]["payload"]["tx_id"]
        field = page.get_by_label("Id or text")
        field.fill(tx_id)
        field.press("Enter")
        page.get_by_role("heading", name=f"Transaction {tx_id}").wait_for()
        trail = page.locator(".fo-trail tbody tr")
        expect(trail.first).to_contain_text(tx_id)
        expect(trail.last).to_contain_text("<img src=x onerror=alert(1)>")  # as text
        assert trail.count() == sum(one["payload"]["tx_id"] == tx_id for one in decided)
        for clock in ("written (computer's clock, UTC)", "time of the transaction (UTC)"):
            page.get_by_role("columnheader", name=clock).wait_for()

        choose(page, "Sample of decisions")
        page.get_by_label("Seed").fill("2026")
        page.get_by_label("Decisions", exact=True).fill("5")
        page.get_by_label("Decisions", exact=True).press("Enter")
        page.locator("button.fo-draw-sample").click()
        rows = page.locator(".fo-sample tbody tr")
        expect(rows).to_have_count(5)
        page.locator("button.fo-record-finding").click()
        page.locator(".fo-refused").get_by_text("Choose a grade").wait_for()
        page.locator(".fo-sample-grade select").select_option(index=3)
        page.locator(".fo-sample-text textarea").fill("The note holds <b>markup</b>.")
        page.locator("button.fo-record-finding").click()
        expect(rows.first).to_contain_text("serious: The note holds <b>markup</b>. (cem)")
        with page.expect_download() as download:
            page.locator("button.fo-export-sample").click()
            page.locator(".fo-sample-file a").click()
        text = Path(download.value.path()).read_text(encoding="utf-8")
        found = list(csv.DictReader(io.StringIO(text)))
        assert [row["grade"] for row in found] == ["serious", "", "", "", ""]

        choose(page, "Verification")
        page.locator("button.fo-verify:visible").click()
        history = page.locator(".fo-verifications tbody tr")
        expect(history).to_have_count(1, timeout=60_000)
        expect(history).to_contain_text("cem")
        expect(history).to_contain_text("holds")

        choose(page, "Evidence packs")
        page.locator("button.fo-make-evidence").click()
        page.locator(".fo-packs a").wait_for(timeout=60_000)
        with page.expect_download() as download:
            page.locator(".fo-packs a").click()
        zipfile.ZipFile(download.value.path()).extractall(tmp_path)
        (folder,) = tmp_path.iterdir()
        assert download.value.suggested_filename == f"{folder.name}.zip"
        assert verify_pack(folder) is None
        assert visitor.errors == []
    with operated.connect() as connection:
        exported = [one["payload"]["what"] for one in ledger.load_entries(connection, "export")]
        (finding,) = ledger.load_entries(connection, "finding")
    assert exported[-2:] == ["evidence pack", f"download of {folder.name}"]
    assert finding["actor"] == "cem" and finding["payload"]["grade"] == "serious"


def test_the_server_gives_a_pack_only_to_who_may_export(link, operated, workspace_copy):
    folder = ledger.write_evidence_pack(workspace_copy)
    path = f"/evidence/{folder.name}"
    assert Client(link).get(path).status_code in (302, 403)
    refused = Client(link, "ann").get(path)
    assert refused.status_code == 403 and "may not do this (export)" in refused.text
    auditor = Client(link, "cem")
    given = auditor.get(path)
    assert given.status_code == 200 and given.headers["Content-Type"] == "application/zip"
    assert zipfile.ZipFile(io.BytesIO(given.content)).testzip() is None
    for name in ("evidence-000000000000", "store", "..", "anchors.jsonl", "%2e%2e"):
        status, _, text = auditor.raw(f"/evidence/{name}")
        assert status in (302, 404) and "PK" not in text
    users.deactivate_user(operated, "cem", "os:test")
    assert auditor.get(path).status_code in (302, 403)
    users.activate_user(operated, "cem", "os:test")


def test_an_admin_adds_a_person_who_then_logs_in(browser, link, operated):
    with visit(browser, link, "eva") as visitor:
        page = visitor.ready()
        open_tab(page, "Users")
        page.get_by_label("Name", exact=True).fill("newcomer")
        page.locator("button.fo-add-user").click()
        password = page.locator(".fo-one-time code").inner_text()
        expect(page.locator(".fo-user-list")).to_contain_text("newcomer")
        assert visitor.errors == []
    with visit(browser, link) as visitor:
        visitor.log_in("newcomer", password)
        visitor.page.get_by_text("This was a one-time password").wait_for()


def test_lists_and_audit_fit_a_phone(browser, link, operated):
    with visit(browser, link, "eva", width=390, height=844) as visitor:
        page = visitor.ready()
        right = "all => Math.max(...all.map(one => one.getBoundingClientRect().right))"
        for name in ("Lists", "Audit", "Users"):
            open_tab(page, name)
            page.locator(".fo-page table:visible, .fo-audit-note p:visible").first.wait_for()
            shown = ".fo-page button:visible, .fo-stacked td:visible, .lm-TabBar-tab:visible"
            assert page.locator(shown).evaluate_all(right) <= 390, name
        open_tab(page, "Lists")
        row = page.locator(".fo-rows tbody tr").first
        for name in ("amount", "review", "channel", "model"):  # no column is cut
            expect(row.locator(f'td[data-label="{name}"]')).to_be_visible()
        assert "€" in row.locator('td[data-label="amount"]').inner_text()
