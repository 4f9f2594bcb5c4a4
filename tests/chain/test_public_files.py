"""Files in the layouts of public data sets go through all five stages."""

import pytest
import sqlalchemy as sa

from fraudops import data, store
from fraudops.features import list_given_features
from fraudops.models import ModelRegistry
from fraudops.workspace import Workspace, read_json
from tests.chain.conftest import run_all
from tests.support.public_layouts import LAYOUTS, write_layout

# all notebooks but 2_3 and 3_4, which do not depend on what the data is
LAST_NOTEBOOKS = (
    "1_3_what_runs_when",
    "2_4_labels_arrive_late",
    "3_5_decision_rules",
    "4_4_rollback",
    "5_2_tamper_lab",
    "5_3_review_economics",
    "audit_app",
)
AFTER_RETRAINING = LAST_NOTEBOOKS[LAST_NOTEBOOKS.index("4_4_rollback") :]


def check_source(name: str, workspace: Workspace) -> None:
    """What is special about a source."""
    tx, refunds = (
        data.load_transactions(workspace, held=True),
        data.load_refunds(workspace, held=True),
    )
    given = list_given_features(ModelRegistry(workspace).find().load().feature_names_in_)
    assert given == list_given_features(tx) == workspace.dataset()["given"]
    if name == "ulb":
        assert len(given) == 28 and tx["customer_id"].is_unique
        # customers have no history, and the model is as good as V1 to V28 are
        assert read_json(workspace.path("figures", "3_1_champion.json"))["average_precision"] > 0.5
    if name == "paysim":
        assert given == ["given_oldbalanceDest", "given_oldbalanceOrg"]
        assert tx["amount_cents"].max() > 100_000_000
    if name == "ibm":
        engine = store.connect(workspace)
        with engine.connect() as connection:
            query = sa.select(store.transactions.c.tx_id)
            scored_or_past = set(connection.scalars(query))
        engine.dispose()
        assert len(refunds) > 100 and not scored_or_past & set(refunds["tx_id"])
    if name == "sparkov":
        assert workspace.dataset()["delivery"]["day_order"] == "month-day-year"
        names = tx["terminal_id"].str.replace(r" \d+$", "", regex=True)
        assert set(names) == {"fraud_Kutch", "fraud_Rippin, Kub and Mann"}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_public_layout_goes_through_all_five_stages(name, tmp_path):
    workspace, file = Workspace.find(tmp_path / "w"), write_layout(name, tmp_path)
    for last in LAST_NOTEBOOKS:
        words = ("--source", name, "--path", str(file), "--until", last)
        retrain = ("-p", "4_2_retrain.trigger=schedule") if last in AFTER_RETRAINING else ()
        ran = run_all(workspace, *words, *retrain)
        assert ran.returncode == 0, ran.stderr[-3000:]
        assert "Traceback" not in ran.stderr
    manifest, rows = workspace.dataset(), len(LAYOUTS[name]())
    assert manifest["read"] == manifest["accepted"] == rows
    assert manifest["refunds"] + len(data.load_transactions(workspace, held=True)) == rows
    skew = read_json(workspace.path("figures", "3_3_skew.json"))
    replay = read_json(workspace.path("serving", "replay.json"))
    assert skew["largest_skew"] <= 1e-9 and skew["rows"] == replay["transactions"] > 0
    retraining = read_json(workspace.path("models", "retrain.json"))
    assert retraining["retrained"] and retraining["champion"].isdigit()
    check_source(name, workspace)
