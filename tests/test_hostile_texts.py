"""Texts from data do nothing: not in HTML, Markdown, figures or CSV files."""

import csv
import io
from html.parser import HTMLParser
from types import SimpleNamespace

import duckdb
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nbconvert.filters import markdown2html

from fraudops import plotting, review, timeline
from fraudops.audit_app import load_template, plots, tables, widgets
from fraudops.audit_app.auth import forms, session
from fraudops.audit_app.tabs.model import RENDER_MARKDOWN
from fraudops.data import formula_cells
from fraudops.ledger import verifier
from fraudops.models import DecisionPolicy
from fraudops.review import render_model_card

ATTACKS = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "[a](javascript:alert(1))",
    "![a](javascript:alert(1))",
    "`</code><b>",
    "$\\frac{a$",
    "$\\href{javascript:alert(1)}{x}$",
    "a | b |\n|---|---|",
    "\n# heading\n",
    "<!-- ",
    "]]>",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "&lt;b&gt;",
    "=HYPERLINK(0)",
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "'=1",
    "\\",
    "*_~",
]
TEXTS = st.lists(
    st.sampled_from(ATTACKS) | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8),
    min_size=1,
    max_size=3,
).map("".join)
TEXTS = TEXTS.filter(str.strip)  # nothing is shown otherwise than something


class Shape(HTMLParser):
    """The tags of a page with the names of their attributes, and its text."""

    def __init__(self, page: str):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts = [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        self.tags.append(("comment", data))


def hostile(test):
    """Give a test each attack and many mixtures of them."""
    for attack in ATTACKS:
        test = example(attack)(test)
    return settings(max_examples=40, deadline=None)(given(TEXTS)(test))


def assert_same_shape(render, text: str, shown: bool = True) -> None:
    """A page with a hostile text has the tags that it has with a harmless one, and shows it."""
    page, harmless = Shape(render(text)), Shape(render("x"))
    assert page.tags == harmless.tags
    if shown:
        assert " ".join(text.split()) in " ".join("".join(page.texts).split())


def render_case(text: str) -> str:
    names = ("tx_id", "category", "channel", "customer_id", "terminal_id", "model_version")
    about = dict.fromkeys((*names, "decision_reason"), text)
    about |= {"amount_cents": 1, "probability": 0.5, "threshold": 0.1, "expected_loss_cents": 1.0}
    about |= {"state": "second", "value": 1.0, "decision": "review"}
    facts = {"about": about, "when": text, "age": "", "due": "", "overdue": False, "hidden": False}
    facts |= {"waits": True, "is_held": True, "why": text}
    facts |= {"since": text, "reported": text, "near": [[text] * 5], "far": [[text] * 5]}
    facts["lines"] = [dict.fromkeys(("about", "usual", "now", "unusual"), text)]
    facts["verdicts"] = {"fraud": 1, "genuine": 2}
    entry = dict.fromkeys(("actor", "words", "note", "digest"), text) | {"seq": 1}
    facts |= {"entries": [(entry, text)], "is_open": True}
    facts |= {"reasons": [{"text": text, "for": 1, "against": 0}], "columns": [text]}
    facts |= {"changes": [{"now": text, "then": text, "probability": 0.1, "decision": text}]}
    facts |= {"history": [[text]]}
    facts["earlier_decisions"] = [dict.fromkeys(("actor", "verdict", "reason", "note"), text)]
    case = load_template("audit_case.html.j2")
    return "".join(
        case.render(facts, part=part)
        for part in ("facts", "model", "profile", "linked", "changes", "history", "trail")
    )


def render_alerts(text: str) -> str:
    one = dict.fromkeys(("text", "severity", "by", "day", "outcome", "reason", "at"), text)
    part = load_template("audit_alerts.html.j2")
    return part.render(waiting=[one | {"days": 2}], closed=[one], n_closed=1)


def render_model_tab(text: str) -> str:
    move = dict.fromkeys(("when", "version", "previous", "kind", "reason", "actor"), text)
    move |= {
        "seq": 1,
        "gates": [{"name": text, "figure": 1, "limit": 2, "unit": text, "passed": 1}],
    }
    row = SimpleNamespace(frauds=1, recall=0.5, recall_low=0.1, recall_high=0.9, flagged=1)
    row.precision, row.precision_low, row.precision_high, row.saved = 0.5, 0.1, 0.9, 1
    part = load_template("audit_model.html.j2")
    shown = part.render(part="now", moves=[move], refused=[move], policy=None)
    rest = {"card": None, "other": text, "segments": [(text, row)], "picture": ""}
    return shown + part.render(part="rest", fairness=text, span=text, **rest)


def render_list(text: str) -> str:
    names = ("tx_id", "customer_id", "terminal_id", "category", "channel", "model_version")
    row = dict.fromkeys((*names, "review", "reviewed_by"), text)
    row |= {"ts": 1, "amount_cents": 1, "probability": 0.1, "label": 1, "label_source": text}
    rows = tables.format_predictions(pd.DataFrame([row]))
    facts = {"name": text, "caption": text, "numbers": ("amount",), "cases": {text}}
    return load_template("audit_list.html.j2").render(rows=rows, **facts)


def render_audit(text: str) -> str:
    names = ("tx_id", "customer_id", "terminal_id", "model_version", "decision", "prediction_id")
    row = dict.fromkeys((*names, "state", "kind", "source", "actor"), text)
    row |= {"ts": 1, "amount_cents": 1, "probability": 0.1, "scored_at": 1.0, "blind": 0}
    row |= {"label_ts": 1, "is_fraud": 1}
    facts = {"transaction": row, "prediction": row, "case": row, "labels": [row]}
    decision = dict.fromkeys(("tx_id", "stage", "verdict", "reason", "note"), text)
    words = review.describe_entry("decision", decision | {"override": 1, "seconds": 1})
    entry = {"seq": 1, "at": 1.0, "ts": 1, "actor": text, "words": words}
    trail, sample = (load_template(f"audit_{name}.html.j2") for name in ("trail", "sample"))
    time = timeline.format_time
    shown = trail.render(part="facts", time=time, seals={text: 1}, **facts)
    shown += trail.render(part="note", total=1, first=1, last=1, others=[text])
    shown += trail.render(part="trail", rows=[entry], time=time)
    names = ("decision", "tx_id", "of", "amount", "words", "actor", "at", "grade", "text")
    drawn = {"sample": 1, "decisions": [1], "population": 1, "actor": text, "seed": 1, "at": 1.0}
    rows = [dict.fromkeys((*names, "found_by"), text)]
    shown += sample.render(part="sample", sample=drawn, rows=rows, judged=1, chosen=1, time=time)
    users = load_template("audit_users.html.j2")
    one = dict.fromkeys(("name", "role", "state"), text)
    shown += users.render(part="list", rows=[one], roles={text: [text]})
    return shown + widgets.render_download(text, text)


def render_messages(text: str) -> str:
    shown = widgets.render_notice(text) + session.render_banner(text, text)
    form = {"kind": "login", "base": "/", "wrong": True, "shortest": 1, "longest": 2, "xsrf": ""}
    return shown + forms.render_form(name="", message=text, **form)


PAGES = (render_case, render_alerts, render_model_tab, render_list, render_audit, render_messages)


@pytest.mark.parametrize("render", PAGES, ids=lambda one: one.__name__)
def test_no_text_becomes_html(render):
    hostile(lambda text: assert_same_shape(render, text))()


def make_card(text: str) -> str:
    policy = DecisionPolicy()
    champion = SimpleNamespace(version=text, sha256="ab", strategy=text, policy=policy)
    move = {"reason": text, "actor": text, "seq": 1}
    data = dict.fromkeys(("source", "first_day", "last_day", "fingerprint"), text)
    data |= {"accepted": 1, "quarantined": 1, "not_filled": [text]}
    names = ("recall", "recall_low", "recall_high", "precision", "precision_low", "precision_high")
    row = dict.fromkeys((*names, "rows", "frauds", "saved"), 1)
    decider = dict.fromkeys(("version", "first", "last"), text)
    gate = {"name": text, "figure": 1, "limit": 2, "unit": text, "passed": True}
    figures = dict.fromkeys(("precision", "recall", "f1", "saved", "saved_once"), (1, 1, 1))
    return render_model_card(
        {
            "champion": champion,
            "training": {"rows": 1, "frauds": 1},
            "move": move,
            "since": text,
            "gates": [gate],
            "data": data,
            "chain": SimpleNamespace(entries=1, broken=text, head="ab"),
            "champion_decided": False,
            "deciders": [decider | {"predictions": 1, "reviews": 1, "blocks": 1}],
            "judged": 1,
            "predictions": 1,
            "frauds": 1,
            "expected_frauds": 1.0,
            "figures": figures,
            "segments": {"category": {text: row}},
            "by_reports_eur": 1.0,
            "reviewer": text,
            "reviewer_error": 0.1,
            "reviewed": 1,
            "open_cases": 1,
            "closed_cases": 1,
        }
    )


@pytest.mark.parametrize("to_html", [markdown2html, RENDER_MARKDOWN], ids=["notebook", "page"])
def test_no_text_becomes_markdown(to_html):
    @hostile
    def check(text):
        card = make_card(text)
        assert "$" not in card  # a formula may hold a link
        assert_same_shape(lambda one: to_html(make_card(one)), text, shown=False)
        if text.isascii() and "$" not in text:
            page = "".join(Shape(to_html(card)).texts)
            assert " ".join(text.split()) in " ".join(page.split())

    check()


@hostile
def test_no_text_becomes_a_formula_of_a_figure(text):
    columns = ("recall", "recall_low", "recall_high", "frauds")
    index = pd.MultiIndex.from_tuples([("category", text), (text, "x")])
    every = pd.DataFrame([[0.5, 0.1, 0.9, 3]] * 2, index=index, columns=columns)
    html = plots.figure_to_html(plots.plot_segment_recall(every, 0.5, 0), text)
    assert [name for name, _ in Shape(html).tags] == ["img"]


def test_logarithmic_axes_have_plain_numbers():
    plotting.use_style()
    figure, axes = plt.subplots()
    axes.set_title("$\\frac{a$")
    figure.canvas.draw()
    assert not axes.title.get_parse_math()
    plt.close(figure)


@hostile
def test_a_table_of_a_notebook_holds_no_formula(text):
    plotting.use_style()
    assert "mathjax_ignore" in pd.DataFrame({"a": [text]})._repr_html_()


@hostile
def test_no_text_becomes_a_formula_of_a_spreadsheet(text):
    place = io.StringIO()
    csv.writer(place, lineterminator="\n").writerow([formula_cells.escape_formula(text), "x"])
    ((cell, _),) = csv.reader(io.StringIO(place.getvalue(), newline=""))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert formula_cells.unescape_formula(cell) == verifier._unescape(cell) == text
    sql = f"SELECT {formula_cells.build_escape_sql('one')} FROM (SELECT $1 AS one)"
    assert duckdb.execute(sql, [text]).fetchone()[0] == formula_cells.escape_formula(text)
