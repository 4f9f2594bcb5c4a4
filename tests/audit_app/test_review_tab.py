"""Reviews in a real browser: one person, two people, keys alone, a hidden score, a role that may
not; and what axe says.
"""

import shutil

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from fraudops import ledger, review, store
from fraudops.audit_app.page import TAB_TITLES
from fraudops.workspace import Workspace
from tests.support.page import audit_server, open_tab, person, visit

NOTE = "the card holder did not know the shop"
LABEL = "Review"


@pytest.fixture(scope="module")
def workspace(small_workspace, tmp_path_factory) -> Workspace:
    """A copy of our own, without lots: the tests say which case is blind."""
    copy = tmp_path_factory.mktemp("review") / "workspace"
    shutil.copytree(small_workspace.root, copy)
    return Workspace.find(copy)


@pytest.fixture(scope="module")
def engine(workspace):
    engine = store.connect(workspace)
    with store.write_transaction(engine) as connection:
        connection.execute(store.cases.delete().where(store.cases.c.kind == "sample"))
        connection.execute(store.cases.update().values(blind=0))
    for name, role in (("ann", "analyst"), ("bob", "supervisor"), ("eve", "auditor")):
        person(engine, name, role)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def link(workspace, engine, tmp_path_factory):
    with audit_server(workspace.root, tmp_path_factory.mktemp("log")) as (link, _):
        yield link


@pytest.fixture
def first(engine) -> str:
    """The case that comes next; nobody holds any, and all are worth less than a second person, with
    the score in sight.
    """
    c = store.cases
    with store.write_transaction(engine) as connection:
        connection.execute(c.update().values(claimed_by=None, claimed_until=0.0))
        connection.execute(c.update().where(c.c.state == "second").values(state="closed"))
        connection.execute(store.skips.delete())
        connection.execute(store.drafts.delete())
    for name in ("ann", "bob"):  # one case at a time, unless a test says otherwise
        review.save_preference(engine, name, "desk", {"follow": False, "at_once": False})
    tx_id = review.ReviewQueue(engine).claim_next("nobody")
    with store.write_transaction(engine) as connection:
        connection.execute(c.update().values(claimed_by=None, claimed_until=0.0))
    change(engine, store.transactions, tx_id, amount_cents=2_000)
    change(engine, store.predictions, tx_id, probability=0.4321)
    change(engine, store.cases, tx_id, blind=0)
    return tx_id


def change(engine, table, tx_id, **values) -> None:
    with store.write_transaction(engine) as connection:
        connection.execute(table.update().where(table.c.tx_id == tx_id).values(values))


def rows(engine, table, tx_id) -> list:
    with engine.connect() as connection:
        return connection.execute(sa.select(table).where(table.c.tx_id == tx_id)).all()


def take(page: Page, tx_id: str) -> None:
    open_tab(page, LABEL)
    page.locator("button.fo-take").click()
    page.locator(".fo-case h2").get_by_text(tx_id).wait_for()
    page.locator(".fo-past .fo-picture").last.wait_for()  # drawn last


def number(words: str) -> str:
    """The label of a reason on the page, which begins with its key."""
    code, one = next((code, one) for code, one in review.REASON_CODES.items() if one.words == words)
    same = [other for other, its in review.REASON_CODES.items() if its.verdict == one.verdict]
    return f"{same.index(code) + 1} {words}"


def say(page: Page, verdict: str, reason: str, note: str = "") -> None:
    page.get_by_label(verdict).click()
    page.locator(".fo-reason select").select_option(label=number(reason))
    page.locator(".fo-notefield textarea").fill(note)
    page.locator("button.fo-record").click()


def skip(page: Page) -> None:
    page.locator(".fo-skip-reason select").select_option(label="I have to stop for now")
    page.locator("button.fo-skip").click()


def test_a_verdict_becomes_decision_label_and_entry_and_retraining_sees_it(
    browser, link, engine, first
):
    with visit(browser, link, "ann") as visitor:
        page = visitor.ready()
        take(page, first)
        shown = page.locator(".fo-page").first.inner_text()
        assert "20.00 €" in shown and "43.2%" in shown
        assert page.locator(".fo-reasons tbody tr").count() == 3
        page.locator(".fo-changes").get_by_text("What would have changed the decision").wait_for()
        pictures = page.locator(".fo-past .fo-picture")
        assert [one.get_attribute("alt").split(" before")[0][-11:] for one in pictures.all()] == [
            "he customer",
            "he terminal",
            "ransactions",
        ]
        page.locator("button.fo-record").click()
        page.locator(".fo-refused[role=alert]").get_by_text("Choose a verdict first").wait_for()
        say(page, "Fraud (F)", "the customer did not make it", NOTE)
        page.locator(".fo-done").get_by_text(f"{first} is recorded as fraud").wait_for()
        assert visitor.errors == []
    (label,), (decision,) = (
        rows(engine, store.labels.alias(), first)[-1:],
        rows(engine, store.decisions, first),
    )
    assert (label.actor, label.is_fraud, label.source) == ("ann", 1, "reviewer")
    assert (decision.stage, decision.reason, decision.note, decision.actor) == (
        "decision",
        "customer_denies",
        NOTE,
        "ann",
    )
    assert 0 < decision.seconds < 90
    with engine.connect() as connection:
        now, entry = (
            store.get_latest_ts(connection),
            ledger.load_entries(connection, "decision")[-1],
        )
        assert ledger.verify_chain(connection) is None
    assert (entry["actor"], entry["payload"]["tx_id"]) == ("ann", first)
    known = store.load_reviewer_labels(engine, known_at=now + 1)  # what 4.2 trains on
    assert known.set_index("tx_id").loc[first, "is_fraud"] == 1


def test_two_people_in_two_browsers_have_to_agree(browser, link, engine, first):
    change(engine, store.transactions, first, amount_cents=review.SECOND_REVIEW_CENTS)
    with visit(browser, link, "ann") as ann, visit(browser, link, "bob") as bob:
        take(ann.ready(), first)
        open_tab(bob.ready(), LABEL)
        bob.page.locator("button.fo-take").click()
        bob.page.locator(".fo-case h2").wait_for()
        assert first not in bob.page.locator(".fo-case").inner_text()  # ann holds it
        skip(bob.page)
        ann.page.get_by_label("Fraud (F)").click()
        ann.page.get_by_text("a second person has to agree").wait_for()
        say(ann.page, "Fraud (F)", "the customer did not make it")
        ann.page.locator(".fo-done").get_by_text("a second person has to agree").wait_for()
        assert [one for one in rows(engine, store.labels, first) if one.source == "reviewer"] == []
        ann.page.locator("button.fo-take").click()
        ann.page.locator(".fo-case h2").wait_for()
        assert first not in ann.page.locator(".fo-case").inner_text()  # nobody confirms their own
        take(bob.page, first)
        assert "needs a second person" in bob.page.locator(".fo-second").inner_text()
        say(bob.page, "Fraud (F)", "other frauds at this terminal")
        bob.page.locator(".fo-done").get_by_text("two people agree").wait_for()
    assert [(d.stage, d.actor) for d in rows(engine, store.decisions, first)] == [
        ("proposal", "ann"),
        ("confirmation", "bob"),
    ]
    assert [
        (one.actor, one.is_fraud)
        for one in rows(engine, store.labels, first)
        if one.source == "reviewer"
    ] == [("bob", 1)]


def test_a_hidden_score_is_nowhere_on_the_page_until_an_opinion_is_given(
    browser, link, engine, first
):
    change(engine, store.cases, first, blind=1)
    with visit(browser, link, "ann") as visitor:
        page = visitor.ready()
        take(page, first)
        assert "score is hidden" in page.locator(".fo-blind").inner_text()
        assert "43.2%" not in page.content() and page.locator(".fo-reasons").count() == 0
        page.get_by_label("Genuine (G)").click()
        page.locator("button.fo-record").click()
        page.locator(".fo-model").get_by_text("43.2%").wait_for()
        say(page, "Fraud (F)", "the customer did not make it")
        page.locator(".fo-done").get_by_text("recorded as fraud").wait_for()
    told = [(d.stage, d.verdict) for d in rows(engine, store.decisions, first)]
    assert told == [("opinion", "genuine"), ("decision", "fraud")]


def test_a_case_is_reviewed_with_keys_alone(browser, link, engine, first):
    with visit(browser, link, "ann") as visitor:
        page = visitor.ready()
        assert TAB_TITLES[0] == LABEL  # the page opens on the desk
        for key, name in (("ArrowRight", TAB_TITLES[1]), ("ArrowLeft", LABEL)):
            page.keyboard.press(key)
            page.locator(".lm-TabBar-tab.lm-mod-current").get_by_text(name, exact=True).wait_for()
        page.locator("button.fo-take").wait_for()
        page.keyboard.press("n")
        page.locator(".fo-case h2").get_by_text(first).wait_for()
        page.keyboard.press("u")
        page.locator(".fo-reason option").get_by_text("the customer could not be reached").wait_for(
            state="attached"
        )
        page.keyboard.press("g")  # a change of mind
        page.locator(".fo-reason option").get_by_text("usual for this customer").wait_for(
            state="attached"
        )
        chosen = page.locator(".fo-reason select")
        expect(chosen).to_have_js_property("selectedIndex", 0)
        page.keyboard.press("ArrowDown")
        expect(chosen).to_have_js_property("selectedIndex", 1)
        # the focus is seen
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.locator(".fo-done").get_by_text(f"{first} is recorded as genuine").wait_for()
    (decision,) = rows(engine, store.decisions, first)
    assert (decision.verdict, decision.reason) == ("genuine", "customer_confirms")


def test_letters_in_the_note_are_letters(browser, link, engine, first):
    with visit(browser, link, "ann") as visitor:
        page = visitor.ready()
        take(page, first)
        page.locator(".fo-notefield textarea").press_sequentially("flun")
        assert page.locator(".fo-notefield textarea").input_value() == "flun"
        assert page.locator(".fo-verdict input:checked").count() == 0
        page.locator("button.fo-skip").click()
        page.locator(".fo-refused[role=alert]").get_by_text("Choose why you skip").wait_for()
        page.locator(".fo-case h2").click()  # out of the text field
        page.keyboard.press("s")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.locator(".fo-done").get_by_text(f"{first} is skipped").wait_for()
        page.locator("button.fo-take").wait_for()
    assert (
        rows(engine, store.decisions, first) == []
        and review.ReviewQueue(engine).find_held("ann") is None
    )


def test_a_reload_opens_the_case_with_the_draft_and_the_time_runs(browser, link, engine, first):
    with visit(browser, link, "ann") as visitor:
        page = visitor.ready()
        take(page, first)
        page.get_by_label("Fraud (F)").click()
        page.locator(".fo-reason select").select_option(
            label=number("the customer did not make it")
        )
        page.locator(".fo-notefield textarea").press_sequentially("she was at home")
        page.locator(".fo-countdown").get_by_text("This case is yours for 14:").wait_for()
        page.wait_for_timeout(1500)  # the last letters are saved within a second
        page.reload()
        visitor.ready()  # no tab is opened: the page is where the case is
        page.locator(".fo-case h2").get_by_text(first).wait_for()
        assert page.locator(".fo-notefield textarea").input_value() == "she was at home"
        assert page.get_by_label("Fraud (F)").is_checked()
        chosen = page.locator(".fo-reason select option:checked")
        assert chosen.inner_text().replace("\u00a0", " ") == "1 the customer did not make it"
        page.locator("button.fo-record").click()
        page.locator(".fo-done").get_by_text("recorded as fraud").wait_for()


def test_an_auditor_opens_a_case_by_its_id_and_decides_nothing(browser, link, engine, first):
    with visit(browser, link, "eve") as visitor:
        page = visitor.ready()
        open_tab(page, LABEL)
        page.get_by_label("Open case").fill(first)
        page.get_by_label("Open case").press("Enter")
        page.locator(".fo-case h2").get_by_text(first).wait_for()
        page.locator(".fo-trail-entries summary").wait_for()
        for name in ("take", "record", "claim", "undo"):
            assert not page.locator(f"button.fo-{name}").is_visible(), name
    assert review.ReviewQueue(engine).find_held("eve") is None


def test_many_cases_are_decided_with_two_keys_each_and_the_focus_stays_in_the_form(
    browser, link, engine, first
):
    review.save_preference(engine, "ann", "desk", {"follow": True, "at_once": True})
    with store.write_transaction(engine) as connection:  # clear cases: no note, no second person
        connection.execute(store.cases.update().values(blind=0))
        connection.execute(store.transactions.update().values(amount_cents=2_000))
        connection.execute(store.predictions.update().values(probability=0.4))
    before = len(review.load_decisions(engine, "ann"))
    decided, keys = [], 0
    with visit(browser, link, "ann") as visitor:
        page = visitor.ready()
        page.keyboard.press("n")
        mark = page.locator(".fo-on-screen [data-case]:not([data-case=''])")
        mark.wait_for(state="attached")
        for _ in range(20):
            tx_id = mark.get_attribute("data-case")
            page.wait_for_function("document.activeElement.matches('.fo-verdict input')")
            for key in ("f", "2"):
                page.keyboard.press(key)
                keys += 1
            page.locator(".fo-done").get_by_text(f"{tx_id} is recorded as fraud").wait_for()
            page.locator(f".fo-on-screen [data-case]:not([data-case='{tx_id}'])").wait_for(
                state="attached"
            )
            decided.append(tx_id)
        assert visitor.errors == []
    said = review.load_decisions(engine, "ann").iloc[before:]
    assert keys == 40 and said["tx_id"].tolist() == decided
    assert set(said["reason"]) == {"card_testing"}


def test_keys_typed_before_the_case_is_there_are_kept_and_record_nothing(
    browser, link, engine, first
):
    review.save_preference(engine, "ann", "desk", {"follow": True, "at_once": True})
    with visit(browser, link, "ann") as visitor:
        page = visitor.ready()
        for key in "nf2":
            page.keyboard.press(key)  # nobody has seen the case yet
        page.locator(".fo-case h2").get_by_text(first).wait_for()
        expect(page.get_by_label("Fraud (F)")).to_be_checked()
        expect(page.locator(".fo-reason select")).to_have_js_property("selectedIndex", 2)
        assert rows(engine, store.decisions, first) == []
        page.locator(f".fo-on-screen [data-case='{first}']").wait_for(state="attached")
        page.keyboard.press("t")
        page.keyboard.type("tried small first")
        page.keyboard.press("Control+Enter")
        page.locator(".fo-done").get_by_text(f"{first} is recorded as fraud").wait_for()
        page.locator("button.fo-undo:not(.fo-over)").click()
        page.locator(".fo-done").get_by_text(f"verdict on {first} is taken back").wait_for()
        assert page.locator(".fo-notefield textarea").input_value() == "tried small first"
    stages = [(one.stage, one.note) for one in rows(engine, store.decisions, first)]
    assert stages == [("decision", "tried small first"), ("undo", "")]


def test_all_of_a_case_is_in_sight_on_a_desk_and_in_one_column_on_a_phone(
    browser, link, engine, first
):
    places = (
        ".fo-about",
        ".fo-probability",
        ".fo-profile",
        ".fo-reasons",
        ".fo-past",
        ".fo-linked",
    )
    with visit(browser, link, "ann", width=1400, height=900) as visitor:
        page = visitor.ready()
        take(page, first)
        for selector in (*places, "button.fo-record"):
            box = page.locator(selector).first.bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= 900, (selector, box)
        assert page.evaluate("scrollY") == 0
    with visit(browser, link, "ann", width=390, height=844) as visitor:
        page = visitor.ready()
        page.locator(".fo-past .fo-picture").last.wait_for()
        boxes = [one.bounding_box() for one in page.locator(".fo-past .fo-picture").all()]
        assert all(box["width"] > 300 and box["x"] + box["width"] <= 390 for box in boxes)
        assert boxes[0]["y"] < boxes[1]["y"] < boxes[2]["y"]


def test_links_and_the_question_mark_work(browser, link, engine, first):
    with visit(browser, link, "ann") as visitor:
        page = visitor.ready()
        page.keyboard.press("?")
        page.get_by_role("dialog").get_by_text("record, from the note too").wait_for()
        page.keyboard.press("?")
        page.get_by_role("dialog").wait_for(state="hidden")
        page.get_by_role("button", name="Queue and settings").click()
        page.get_by_text(review.PRIORITY_FORMULA).wait_for()
        page.locator(".fo-next-cases a").first.click()
        page.locator(".fo-case h2").get_by_text(first).wait_for()
        assert review.ReviewQueue(engine).find_held("ann") is None
        page.get_by_role("button", name="Take this case").click()
        page.locator("button.fo-record").wait_for()
    assert review.ReviewQueue(engine).find_held("ann") == first


def test_axe_finds_nothing_on_the_desk_and_nothing_serious_elsewhere(browser, link, engine, first):
    with visit(browser, link, "ann", height=1600) as visitor:
        page, found = visitor.ready(), []
        for name in TAB_TITLES:
            open_tab(page, name)
            if name == LABEL:
                take(page, first)
                page.get_by_label("Fraud (F)").click()
                page.locator(".fo-changes h3").wait_for()
            results = Axe().run(page)
            found += [
                (name, one["impact"], one["id"], one["nodes"][0]["html"][:200])
                for one in results.response["violations"]
            ]
            assert results.response["testEngine"]["name"] == "axe-core"
    assert [one for one in found if one[0] == LABEL or one[1] in ("serious", "critical")] == []


@pytest.fixture
def other_states(engine):
    """All cases may be changed here; afterwards they have their states, and nobody holds them."""
    c = store.cases.c
    with store.write_transaction(engine) as connection:
        before = dict(connection.execute(sa.select(c.tx_id, c.state)).all())
        connection.execute(store.cases.update().values(claimed_by=None, claimed_until=0.0))
    yield
    for tx_id, state in before.items():
        change(engine, store.cases, tx_id, state=state, claimed_by=None, claimed_until=0.0)


def test_next_case_says_why_there_is_none(browser, link, engine, other_states):
    with visit(browser, link, "ann") as visitor:
        page = visitor.ready()
        open_tab(page, LABEL)
        for values, told in (
            ({"claimed_by": "bob", "claimed_until": 2e12}, "Other reviewers hold them"),
            ({"state": "closed", "claimed_by": None}, "The queue is empty"),
        ):
            with store.write_transaction(engine) as connection:
                connection.execute(store.cases.update().values(values))
            page.locator("button.fo-take").click()
            page.locator(".fo-refused[role=alert]").get_by_text(told).wait_for()
