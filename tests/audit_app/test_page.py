"""The review page in a real browser, served as `make audit` serves it; and its parts without
one.
"""

import re
import shutil
import subprocess
import sys

import pandas as pd
import psutil
import pytest
import sqlalchemy as sa
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, expect

from fraudops import audit_app, ledger, monitoring, review, store, timeline
from fraudops.audit_app import page as page_module
from fraudops.audit_app import tables, widgets
from fraudops.audit_app.auth import session, users
from fraudops.audit_app.auth.kernels import LOGIN_VARIABLE
from fraudops.audit_app.tabs.alerts import AlertPanel
from fraudops.errors import UserError
from fraudops.review import listing, queue, verdicts
from fraudops.store import database
from fraudops.workspace import REPOSITORY, Workspace
from tests.support.page import audit_server, open_tab, person, visit

ACTOR = "tester"


@pytest.fixture(scope="module")
def workspace(small_workspace, tmp_path_factory) -> Workspace:
    """A copy of our own: the browser decides cases in it."""
    copy = tmp_path_factory.mktemp("audit") / "workspace"
    shutil.copytree(small_workspace.root, copy)
    return Workspace.find(copy)


@pytest.fixture(scope="module")
def engine(workspace):
    engine = store.connect(workspace)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def served(workspace, engine, tmp_path_factory):
    person(engine, ACTOR)
    with audit_server(workspace.root, tmp_path_factory.mktemp("log")) as found:
        yield found


@pytest.fixture(scope="module")
def watched(browser, served):
    with visit(browser, served[0], ACTOR) as watched:
        watched.ready()
        yield watched


def tile(page: Page, name: str) -> str:
    return page.locator(f'.fo-tile[data-figure="{name}"] strong').inner_text()


def count(engine, table, *where) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where))


def test_the_dashboard_shows_what_the_database_holds(watched, engine, workspace):
    page = watched.page
    open_tab(page, "Dashboard")
    choice = page.locator(".fo-dashboard").locator("..").get_by_label("Look at")
    choice.select_option(label="all judged days")
    frame = review.require_predictions(engine)
    rows = frame[frame["is_mature"]]
    figures = review.compute_performance(rows, review.load_champion_policy(workspace))
    page.get_by_text(f"Judged: {len(rows):,} predictions").wait_for()
    for name in ("precision", "recall", "f1"):
        assert tile(page, name) == f"{figures[name]:.1%}"
    assert tile(page, "saved") == f"{figures['saved_cents'] / 100:,.0f} €"
    once = review.compute_performance_by_compromise(rows, review.load_champion_policy(workspace))
    assert tile(page, "saved-once") == f"{once['saved_cents'] / 100:,.0f} €"
    assert (
        tile(page, "open")
        == f"{count(engine, store.cases, store.cases.c.state.in_(store.WAITING_STATES)):,}"
    )
    confusion = page.locator(".fo-confusion").inner_text()
    assert (
        f"{figures['true_positive']:,}" in confusion
        and f"{figures['true_negative']:,}" in confusion
    )
    move = ledger.load_champion_changes(engine)[-1]
    champion = page.locator(".fo-champion").inner_text()
    assert f"version {move['version']}" in champion and timeline.format_time(move["at"]) in champion
    assert "has not been verified yet" in page.locator(".fo-ledger").inner_text()
    assert choice.locator("option:checked").inner_text().replace("\u00a0", " ") == "all judged days"
    page.get_by_text("By segment", exact=True).click()
    channels = page.get_by_role("region", name="By channel, with 95 % intervals").locator(
        "tbody tr"
    )
    shown_rows = rows[rows["flagged"] | (rows["label"] == 1)]
    expect(channels).to_have_count(shown_rows["channel"].nunique())
    page.get_by_role("button", name="Refresh").click()
    page.wait_for_timeout(2000)  # the tab is drawn again, and the section must stay open
    expect(channels).to_have_count(shown_rows["channel"].nunique())


def leave_out_hidden(engine, frame):
    """Without the cases that the tester may still have to judge blind."""
    with engine.connect() as connection:
        hidden = connection.scalars(verdicts.select_hidden_cases(ACTOR)).all()
    return frame[~frame["tx_id"].isin(hidden)]


def test_each_list_has_the_rows_of_the_database(watched, engine):
    page = watched.page
    open_tab(page, "Lists")
    frame = leave_out_hidden(engine, review.require_predictions(engine))
    flagged, fraud, genuine = (
        frame["flagged"],
        frame["label"].eq(1).fillna(False),
        frame["label"].eq(0).fillna(False),
    )
    lost = (frame["probability"] * frame["amount_cents"]).rename("lost")
    wanted = {
        "Predicted frauds": (flagged, lost),
        "Predicted non-frauds": (~flagged, frame["probability"]),
        "False positives": (flagged & genuine, frame["probability"]),
        "False negatives": (~flagged & fraud, frame["amount_cents"]),
    }
    assert list(wanted) == list(review.PREDICTION_LISTS)
    for name, (chosen, order) in wanted.items():
        page.locator(".fo-which button").get_by_text(name, exact=True).click()
        rows = (
            frame[chosen.astype(bool)]
            .assign(order=order)
            .sort_values(["order", "tx_id"], ascending=[False, True])
        )
        assert len(rows) > 0
        page.get_by_text(f"{len(rows):,} {name.lower()} (").wait_for()
        shown = page.locator(".fo-list tbody tr td:nth-child(2)").all_inner_texts()
        assert shown == rows["tx_id"].head(listing.DEFAULT_PAGE_ROWS).tolist()
        text = page.locator(".fo-list tbody tr").first.inner_text()
        label = rows["label"].iloc[0]
        assert {1: "fraud", 0: "genuine"}.get(
            label if label is not pd.NA else None, "not known yet"
        ) in text


def test_lists_are_filtered_and_turned_page_by_page(watched, engine):
    page = watched.page
    open_tab(page, "Lists")
    page.locator(".fo-which button").get_by_text("Predicted non-frauds", exact=True).click()
    frame = leave_out_hidden(engine, review.require_predictions(engine))
    rows = frame[~frame["flagged"]].sort_values(["probability", "tx_id"], ascending=[False, True])
    page.get_by_text(f"rows 1 to 25 of {len(rows):,}").wait_for()
    assert page.locator("button.fo-previous").is_disabled()
    page.locator("button.fo-next").click()
    page.get_by_text(f"rows 26 to 50 of {len(rows):,}").wait_for()
    shown = page.locator(".fo-list tbody tr td:nth-child(2)").all_inner_texts()
    assert shown == rows["tx_id"].iloc[25:50].tolist()
    page.get_by_label("Channel", exact=True).last.select_option(label="online")
    online = rows[rows["channel"] == "online"]
    page.get_by_text(f"rows 1 to 25 of {len(online):,}").wait_for()
    someone = online["customer_id"].iloc[0]
    page.get_by_label("Id", exact=True).fill(someone)
    page.get_by_label("Id", exact=True).press("Enter")
    ids = online[["tx_id", "customer_id", "terminal_id"]]
    has_part = ids.apply(lambda column: column.str.contains(someone, case=False, regex=False))
    page.get_by_text(f"of {has_part.any(axis=1).sum():,}.").wait_for()
    day = timeline.format_time(online["ts"].iloc[0])[:10]
    page.get_by_label("Id", exact=True).fill("")
    page.get_by_label("Id", exact=True).press("Enter")
    page.get_by_label("From", exact=True).fill(day)
    page.get_by_label("To", exact=True).fill(day)
    same = online[[timeline.format_time(ts)[:10] == day for ts in online["ts"]]]
    page.get_by_text(f"of {len(same):,}.").wait_for()
    page.get_by_label("Id", exact=True).fill("nobody")
    page.get_by_label("Id", exact=True).press("Enter")
    page.get_by_text("0 predicted non-frauds (approved, highest score first): none.").wait_for()
    for name in ("Id", "From", "To"):
        page.get_by_label(name, exact=True).fill("")
    page.get_by_label("Channel", exact=True).last.select_option(label="any")


def test_the_page_follows_the_database_by_itself(browser, served, engine, monkeypatch):
    with visit(browser, served[0], ACTOR) as visitor:
        page = visitor.ready()
        open_tab(page, "Dashboard")
        before = tile(page, "open")
        with store.write_transaction(engine) as connection:
            ledger.append_entry(connection, "read", "somebody")
            some = (
                sa.select(store.cases.c.tx_id)
                .where(store.cases.c.state == "open")
                .limit(1)
                .scalar_subquery()
            )
            connection.execute(
                store.cases.update().where(store.cases.c.tx_id == some).values(state="closed")
            )
        page.wait_for_function(
            "before => document.querySelector('[data-figure=open] strong').innerText !== before",
            arg=before,
            timeout=90_000,
        )


def test_a_reload_finds_the_case_and_a_lost_one_is_said_in_words(browser, served, engine):
    with store.write_transaction(engine) as connection:  # a blind case asks for no reason yet
        connection.execute(store.cases.update().values(blind=0))
    with visit(browser, served[0], ACTOR) as first:
        page = first.ready()
        open_tab(page, "Review")
        page.locator("button.fo-take").click()
        page.locator(".fo-case h2").wait_for()
        tx_id = review.ReviewQueue(engine).find_held(ACTOR)
        page.reload()
        first.ready()
        open_tab(page, "Review")
        page.locator(".fo-case").get_by_text(f"Transaction {tx_id}").wait_for()
        with store.write_transaction(
            engine
        ) as connection:  # the lease runs out, and a colleague takes the case
            connection.execute(
                store.cases.update()
                .where(store.cases.c.tx_id == tx_id)
                .values(claimed_by="colleague")
            )
        page.get_by_label("Genuine (G)").click()
        page.locator(".fo-reason select").select_option(label="2 usual for this customer")
        page.locator("button.fo-record").click()
        page.locator(".fo-refused[role=alert]").get_by_text("not yours to decide").wait_for()
        page.locator("button.fo-take").wait_for()  # and on with the next one
    assert count(engine, store.decisions, store.decisions.c.tx_id == tx_id) == 0
    with store.write_transaction(engine) as connection:
        connection.execute(
            store.cases.update()
            .where(store.cases.c.tx_id == tx_id)
            .values(claimed_by=None, claimed_until=0)
        )


def test_a_killed_kernel_loses_nothing(browser, served, engine):
    review.save_preference(engine, "unlucky", "desk", {"follow": False})
    with visit(browser, served[0], person(engine, "unlucky")) as visitor:
        page = visitor.ready()
        open_tab(page, "Review")
        page.locator("button.fo-take").click()
        page.locator(".fo-case h2").wait_for()
        tx_id = review.ReviewQueue(engine).find_held("unlucky")
        kernels = [
            one
            for one in psutil.process_iter(["environ"])
            if (one.info["environ"] or {}).get(LOGIN_VARIABLE) == "unlucky"
        ]
        assert kernels
        expect(page.locator("#fo-away")).to_be_hidden()
        for kernel in kernels:
            kernel.kill()
        away = page.locator("#fo-away").get_by_text("The program behind this page has ended")
        away.wait_for(timeout=5_000)
        page.get_by_role("button", name="Reconnect").click()
        page.wait_for_load_state()
        visitor.ready()
        open_tab(page, "Review")
        page.locator(".fo-case").get_by_text(f"Transaction {tx_id}").wait_for()
        page.locator(".fo-skip-reason select").select_option(label="I have to stop for now")
        page.locator("button.fo-skip").click()
        page.locator(".fo-case").get_by_text(f"Transaction {tx_id}").wait_for(state="detached")
        page.locator("button.fo-take").wait_for()
    assert (
        review.ReviewQueue(engine).find_held("unlucky") is None
        and count(engine, store.decisions, store.decisions.c.tx_id == tx_id) == 0
    )


def test_the_first_click_after_a_deactivation_does_nothing_but_ask_for_the_login(
    browser, served, engine
):
    with visit(browser, served[0], person(engine, "leaver")) as visitor:
        page = visitor.ready()
        open_tab(page, "Review")
        page.locator("button.fo-take").wait_for()
        users.deactivate_user(engine, "leaver", "os:test")
        try:
            page.evaluate("document.querySelector('button.fo-take')?.click()")
        except PlaywrightError as error:
            if "Execution context was destroyed" not in str(error):
                raise  # only this one says that the page was on its way out already
        page.get_by_label("Password").wait_for()
        assert review.ReviewQueue(engine).find_held("leaver") is None


def test_the_page_stays_on_this_machine_without_errors_and_without_source(watched, served):
    assert watched.requests and all(
        re.match(r"(http|ws)://127\.0\.0\.1:|data:|blob:", url) for url in watched.requests
    )
    assert watched.errors == []
    text = watched.page.locator("body").inner_text()
    # neither code nor the cells for students
    assert "open_page" not in text and "What it does not show" not in text
    assert "open_page" not in watched.page.content()
    assert "token=" not in watched.page.url


def test_the_page_fits_a_phone(browser, served):
    with visit(browser, served[0], ACTOR, width=375, height=800) as phone:
        page = phone.ready()
        for name in page_module.TAB_TITLES:
            open_tab(page, name)
            shown = ".fo-page, .fo-tile, .fo-page button"
            right = (
                "elements => Math.max(...elements.map(element => "
                "element.getBoundingClientRect().right))"
            )
            assert page.locator(shown).evaluate_all(right) <= 375, name
        open_tab(page, "Dashboard")
        page.locator(".fo-dashboard .fo-picture").wait_for()
        assert (
            page.locator(".fo-tile").count() == 8
            and page.locator(".fo-dashboard .fo-picture").first.bounding_box()["width"] > 250
        )


def test_a_server_that_is_gone_is_said_within_five_seconds(browser, small_workspace, tmp_path):
    copy = Workspace.find(shutil.copytree(small_workspace.root, tmp_path / "gone"))
    engine = store.connect(copy)
    person(engine, ACTOR)
    with audit_server(copy.root, tmp_path) as (link, _), visit(browser, link, ACTOR) as visitor:
        page = visitor.ready()
        servers = [
            one
            for one in psutil.process_iter(["cmdline"])
            if f"--port={link.split(':')[-1].strip('/')}" in (one.info["cmdline"] or [])
        ]
        assert servers
        for server in servers:
            server.suspend()  # it hangs: no connection is refused
        try:
            away = page.locator("#fo-away").get_by_text("The server of this page does not answer")
            away.wait_for(timeout=5_000)
            expect(page.get_by_role("button", name="Reconnect")).to_be_visible()
        finally:
            for server in servers:
                server.resume()
        expect(page.locator("#fo-away")).to_be_hidden()
    engine.dispose()


def test_an_empty_workspace_is_explained(browser, tmp_path):
    engine = store.connect(Workspace.find(tmp_path / "nothing"))
    person(engine, ACTOR)
    with (
        audit_server(tmp_path / "nothing", tmp_path) as (link, _),
        visit(browser, link, ACTOR) as visitor,
    ):
        page = visitor.ready()
        assert "fraudops run" in page.locator(".fo-empty").inner_text()
        assert visitor.errors == []
    engine.dispose()


# --- without a browser ---


def told(widget) -> str:
    return " ".join(child.value for child in widget.children if hasattr(child, "value"))


def test_no_run_and_no_predictions_name_the_command(tmp_path, monkeypatch):
    monkeypatch.delenv("FRAUDOPS_DATABASE_URL", raising=False)
    workspace = Workspace.find(tmp_path)
    assert "fraudops run" in told(audit_app.open_page(workspace))
    workspace.path("data", "dataset.json").write_text("{}")
    assert "fraudops run" in told(audit_app.open_page(workspace))


def test_an_unexpected_error_gets_a_number_and_its_trace_goes_to_the_log(
    workspace, engine, monkeypatch
):
    page = audit_app.AuditPage(workspace, engine, "somebody")

    def broken(*_, **__):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(queue.ReviewQueue, "claim_next", broken)
    page.review.take.click()
    number = re.search(r"incident (\w{8})", page.context.message.value).group(1)
    assert "secret detail" not in page.context.message.value
    log = (workspace.root / "logs" / "audit_app.log").read_text()
    assert number in log and "RuntimeError: secret detail" in log and "Traceback" in log


def test_a_broken_page_fails_the_chain_and_is_an_incident_for_a_visitor(workspace, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(database, "connect", broken)
    monkeypatch.delenv("SERVER_SOFTWARE", raising=False)
    with pytest.raises(RuntimeError):
        audit_app.open_page(workspace)
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    monkeypatch.setenv("FRAUDOPS_LOGIN", ACTOR)
    shown = audit_app.open_page(workspace)
    assert (
        "incident" in told(shown)
        and "secret detail" not in told(shown)
        and "fo-failed" in shown._dom_classes
    )


def test_the_page_does_not_wait_for_libraries_that_it_starts_without():
    code = (
        "import sys, fraudops.audit_app.page; "
        "print(*{'mlflow', 'sklearn', 'scipy.stats', 'shap'} & set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert found.stdout.split() == []


def test_the_name_comes_from_the_environment_or_the_system(monkeypatch):
    monkeypatch.setenv("FRAUDOPS_ACTOR", "ann")
    assert session.get_actor() == "ann"
    monkeypatch.delenv("FRAUDOPS_ACTOR")
    monkeypatch.setattr("getpass.getuser", lambda: "system")
    assert session.get_actor() == "system"


def test_under_voila_the_name_comes_from_the_login_or_there_is_no_page(workspace, monkeypatch):
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    monkeypatch.setenv("FRAUDOPS_ACTOR", "ann")
    monkeypatch.delenv("FRAUDOPS_LOGIN", raising=False)
    with pytest.raises(UserError, match="without a login"):
        session.get_actor()
    shown = audit_app.open_page(workspace)
    assert "fo-failed" in shown._dom_classes and "without a login" in told(shown)
    monkeypatch.setenv("FRAUDOPS_LOGIN", "nobody-knows")
    assert "no active user nobody-knows" in told(audit_app.open_page(workspace))


def test_an_alert_is_acknowledged_and_closed_on_the_page(watched, engine, workspace):
    text = "2026-03-07: retrain. inputs moved (<img src=x onerror=alert(1)>)."
    alert = {"alert_id": "drift-2026-03-07-retrain", "as_of": 1_773_000_000, "severity": "act"}
    monitoring.AlertLog.publish(workspace, [alert | {"text": text}])
    page = watched.page
    open_tab(page, "Dashboard")
    page.locator(".fo-refresh").click()
    waiting = page.locator(".fo-open-alerts tbody tr")
    expect(waiting).to_have_count(1)
    expect(waiting).to_contain_text("<img src=x")  # as text
    expect(waiting).to_contain_text("not acknowledged")
    count_tile = page.locator('.fo-tile[data-figure="alerts"] strong')
    expect(count_tile).to_have_text("1")
    page.locator(".fo-acknowledge").click()
    expect(waiting).to_contain_text(f"acknowledged by {ACTOR}")
    page.locator(".fo-close-alert").click()  # without an outcome
    expect(page.locator(".fo-refused")).to_contain_text("Choose an outcome")
    page.locator(".fo-alert-outcome select").select_option(index=1)
    page.locator(".fo-close-alert").click()  # without a reason
    expect(page.locator(".fo-refused")).to_contain_text("at least 10 characters")
    page.locator(".fo-alert-outcome select").select_option(index=3)
    page.locator(".fo-alert-reason textarea").fill("prices rise every spring <b>")
    page.locator(".fo-close-alert").click()
    expect(page.locator(".fo-done")).to_contain_text("is closed")
    expect(page.get_by_text("No alert is open.")).to_be_visible()
    expect(count_tile).to_have_text("0")
    expect(page.locator(".fo-acknowledge")).to_be_hidden()
    page.get_by_text("Closed alerts (1)").click()
    closed = page.locator(".fo-closed-alerts tbody tr")
    for words in ("known season", "prices rise every spring <b>", ACTOR):
        expect(closed).to_contain_text(words)
    row = monitoring.AlertLog(engine).load().iloc[0]
    assert (row["outcome"], row["closed_by"]) == ("known season", ACTOR)


def test_an_auditor_reads_alerts_and_changes_none(engine, workspace):
    def refuse(permission: str) -> None:
        raise UserError(f"ann has the role auditor, which may not do this ({permission}).")

    alert = {"alert_id": "drift-2026-03-08-retrain", "as_of": 1_773_100_000, "severity": "act"}
    monitoring.AlertLog.publish(workspace, [alert | {"text": "2026-03-08: retrain."}])
    panel = AlertPanel(widgets.PageContext(workspace, engine, "ann", refuse), lambda: None)
    panel.draw()
    assert "2026-03-08" in panel.shown.value
    for button in panel.form.children[-1].children:
        button.click()
        assert "may not do this (review)" in panel.context.message.value
    assert monitoring.AlertLog(engine).load()["state"].iloc[-1] == "open"


def test_figures_over_nothing_are_no_error(workspace, engine):
    nothing, costs = (
        review.require_predictions(engine).head(0),
        review.load_champion_policy(workspace),
    )
    assert (
        not review.is_on_mature_day(nothing).any()
        and review.compute_performance_by_day(nothing, costs).empty
    )
    assert review.bootstrap_performance(nothing, costs)["figure"].isna().all()
    assert review.compute_performance_by_segment(nothing, nothing["channel"], costs, rounds=5).empty
    assert widgets.format_percent(review.compute_performance(nothing, costs)["precision"]) == "–"


def test_judged_days_are_those_in_which_every_label_has_arrived(engine):
    frame = review.require_predictions(engine)
    rows = frame[frame["is_mature"]]
    assert rows["label"].notna().all() and 0 < len(rows) < len(frame)
    same_days = frame[frame["ts"] <= rows["ts"].max()]
    assert len(same_days) == len(rows)  # no row of a judged day is left out for want of a label


def test_a_case_shows_only_what_was_known_when_it_was_opened(tmp_path, monkeypatch):
    monkeypatch.delenv("FRAUDOPS_DATABASE_URL", raising=False)
    engine, noon = store.connect(Workspace.find(tmp_path)), 20_000 * 86_400 + 43_200
    times = {"known": -300, "not yet": -200, "the case": 0, "later": 100}
    shared = {
        "customer_id": "c",
        "terminal_id": "m",
        "amount_cents": 100,
        "category": "x",
        "channel": "y",
    }
    score = {
        "scored_at": 1.0,
        "model_version": "1",
        "probability": 0.9,
        "threshold": 0.5,
        "decision": "review",
    }
    reported = {"known": -10, "not yet": 10, "the case": 50}
    with store.write_transaction(engine) as connection:
        rows = [{"tx_id": tx_id, "ts": noon + after} | shared for tx_id, after in times.items()]
        store.insert_new(connection, store.transactions, rows)
        case = {"prediction_id": "p", "tx_id": "the case", "ts": noon} | score
        store.insert_new(connection, store.predictions, [case])
        who = {
            "source": "chargeback",
            "actor": "issuer",
            "customer_id": "c",
            "terminal_id": "m",
            "is_fraud": 1,
        }
        reports = [
            {"tx_id": tx_id, "label_ts": noon + after} | who for tx_id, after in reported.items()
        ]
        store.insert_new(connection, store.labels, reports)
    review.ReviewQueue(engine).open_cases()
    found = review.load_case(engine, "the case", "ann")
    for past in (found.customer, found.terminal):
        # latest first
        assert past["tx_id"].tolist() == ["not yet", "known"] and past["reported"].tolist() == [
            False,
            True,
        ]
    assert tables.format_history(found.customer)["known then"].tolist() == ["", "reported fraud"]
    engine.dispose()


def test_segments_add_up_and_small_ones_are_taken_together(engine, workspace):
    rows, costs = (
        review.require_predictions(engine).query("is_mature"),
        review.load_champion_policy(workspace),
    )
    for segment in (
        rows["channel"],
        rows["category"],
        review.assign_amount_bands(rows),
        rows["customer_id"],
    ):
        table = review.compute_performance_by_segment(
            rows, segment, costs, max_segments=5, rounds=5
        )
        assert (
            table["rows"].sum() == len(rows)
            and table["frauds"].sum() == rows["label"].sum()
            and len(table) <= 6
        )
