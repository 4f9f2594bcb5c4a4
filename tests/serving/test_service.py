"""The service over HTTP: answers, refusals, nothing lost, nothing twice, and no skew."""

import asyncio
import concurrent.futures
import dataclasses
import json
import shutil
import signal

import httpx
import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest
import sqlalchemy as sa
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from fraudops import data, features, ledger, models, serving, store
from fraudops.errors import UserError
from fraudops.ledger import REGISTERED_MODEL_NAME
from fraudops.models import DecisionPolicy
from fraudops.serving import AccessMiddleware, Scorer, ScoringClient, loaded_model, replay
from fraudops.serving.middleware import MAX_REQUEST_BYTES, parse_tokens
from fraudops.timeline import DAY, load_timeline
from fraudops.workspace import Workspace
from tests.support.attack import attack

TOKEN = "a-token-of-the-tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
EXAMPLES = 400  # of schemathesis, over all operations; `make bench ARGS=service` takes two thousand


def without_live_days(source: Workspace, folder, bentos: Workspace | None = None) -> Workspace:
    """A copy of a workspace whose last two live days have not been scored yet; with the Bentos of
    another one.
    """
    workspace = Workspace.find(folder)
    shutil.copytree(source.root, workspace.root)
    if bentos:
        shutil.copytree(bentos.root / "bentoml", workspace.root / "bentoml")
    border = load_timeline(workspace).live_days[-2]
    engine = store.connect(workspace)
    with store.write_transaction(engine) as connection:
        connection.execute(store.predictions.delete().where(store.predictions.c.ts >= border))
        connection.execute(store.transactions.delete().where(store.transactions.c.ts >= border))
        connection.execute(store.refunds.delete().where(store.refunds.c.ts >= border))
    engine.dispose()
    return workspace


@pytest.fixture(scope="module")
def service(small_workspace, tmp_path_factory):
    """A running service of the small workspace's champion with two workers."""
    workspace = without_live_days(small_workspace, tmp_path_factory.mktemp("service") / "copy")
    tag = serving.build_bento(workspace, models.ModelRegistry(workspace).find())
    with (
        serving.serve_bento(workspace, tag, workers=2, token=f"issuer-1:{TOKEN}") as url,
        httpx.Client(base_url=url, timeout=60, headers=HEADERS) as client,
    ):
        yield workspace, client, tag


def transaction(**changes) -> dict:
    fields = {
        "tx_id": "S1",
        "ts": 1_775_001_000,
        "customer_id": "nobody",
        "terminal_id": "nowhere",
        "amount": 12.5,
    }
    return {"transactions": [fields | changes]}


def count(workspace: Workspace, table: sa.Table, *where: sa.ColumnElement) -> int:
    engine = store.connect(workspace)
    with engine.connect() as connection:
        found = connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where))
    engine.dispose()
    return found


def test_an_answer_says_what_why_and_by_which_model(service):
    workspace, client, _ = service
    answer = ScoringClient(client).post("/score", transaction())[0]
    champion = models.ModelRegistry(workspace).find()
    assert answer["tx_id"] == "S1" and answer["model_version"] == champion.version
    p, cents = [answer["probability"]], [round(100 * transaction()["transactions"][0]["amount"])]
    assert 0 <= p[0] <= 1 and answer["threshold"] == champion.policy.compute_thresholds(cents)[0]
    decision = champion.policy.make_decisions(p, cents)
    assert answer["decision"] == decision[0]
    assert answer["decision_reason"].startswith(f"{decision[0]}: ")
    loss = champion.policy.compute_expected_loss(p, cents, decision)[0] / 100
    assert answer["expected_loss"] == pytest.approx(loss, abs=1e-4)
    is_case = store.needs_case(answer["prediction_id"], answer["decision"])
    assert len(answer["reasons"]) == (3 if is_case else 0)
    assert answer["cold_start"] == ["customer", "terminal"]
    assert client.get("/model").json()["sha256"] == champion.sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": -1},
        {"amount": "much"},
        {"amount": 1e9},
        {"amount": 1.005},
        {"ts": "tomorrow"},
        {"ts": -5},
        {"ts": 2**70},
        {"tx_id": ""},
        {"ts": 4_000_000_000},
        {"customer_id": "x" * 500},
        {"colour": "red"},
        {"terminal_id": None},
        {"tx_id": "a\x00b"},
        {"lat": 500, "lon": 0},
        {"channel": ""},
    ],
)
def test_a_wrong_field_is_refused_by_name(service, changes):
    workspace, client, _ = service
    refused = client.post("/score", json=transaction(**({"tx_id": "BAD"} | changes)))
    assert (
        refused.status_code == 422 and refused.headers["content-type"] == "application/problem+json"
    )
    assert next(iter(changes)) in refused.json()["detail"]
    assert not count(
        workspace, store.predictions, store.predictions.c.tx_id.in_(["BAD", "", "a\x00b"])
    )


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused(service, number):
    _, client, _ = service
    body = json.dumps(transaction(tx_id="NAN")).replace("12.5", number)
    refused = client.post("/score", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422 and "amount" in refused.text


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", '{"transactions": []}', '{"transactions": 1}', '{"transactions": [1]}', "NaN"],
)
def test_a_broken_body_is_refused(service, body):
    _, client, _ = service
    answered = client.post("/score", content=body, headers={"Content-Type": "application/json"})
    assert answered.status_code in (400, 422) and answered.json()["detail"]


def test_too_much_is_refused(service):
    _, client, _ = service
    many = [transaction(tx_id=f"M{i}")["transactions"][0] for i in range(5001)]
    assert client.post("/score", json={"transactions": many}).status_code == 422
    assert client.post("/score", content=b"x" * (MAX_REQUEST_BYTES + 1)).status_code == 413
    parts = (b"[" + b"0," * 500_000 for _ in range(11))  # its length is not stated
    assert client.post("/score", content=parts).status_code == 413
    assert client.get("/readyz").status_code == 200


def test_sql_in_an_id_is_just_an_id(service):
    workspace, client, _ = service
    name = "x'; DROP TABLE predictions; --"
    assert (
        ScoringClient(client).post("/score", transaction(tx_id=name, customer_id=name))[0]["tx_id"]
        == name
    )
    assert count(workspace, store.predictions, store.predictions.c.tx_id == name) == 1


def test_a_time_before_all_history_gets_a_marked_answer(service):
    _, client, _ = service
    answer = ScoringClient(client).post(
        "/score", transaction(tx_id="EARLY", ts=1000, customer_id="C1", terminal_id="M1")
    )[0]
    assert answer["cold_start"] == ["customer", "terminal"]


def test_the_same_transaction_gets_its_first_answer(service):
    _, client, _ = service
    first = ScoringClient(client).post("/score", transaction(tx_id="X-TWICE"))[0]
    again = ScoringClient(client).post("/score", transaction(tx_id="X-TWICE", amount=9999))[0]
    assert again == first
    twice = transaction(tx_id="X-PAIR")["transactions"] * 2
    one, other = ScoringClient(client).post("/score", {"transactions": twice})
    assert one == other


def test_callers_at_once_with_the_same_transaction_get_one_answer(service):
    workspace, client, _ = service
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda _: ScoringClient(client).post("/score", transaction(tx_id="X-RACE"))[0],
                range(24),
            )
        )
    assert len({answer["prediction_id"] for answer in answers}) == 1
    assert count(workspace, store.predictions, store.predictions.c.tx_id == "X-RACE") == 1


def test_replayed_days_have_no_skew(service):
    """Two workers, callers at once, out of order inside a minute, some sent twice: features and
    scores are the offline ones.
    """
    workspace, client, _ = service
    timeline = load_timeline(workspace)
    tx, labels = data.load_transactions(workspace), data.load_labels(workspace)
    days, refunds = timeline.live_days[-2:], data.load_refunds(workspace)
    traffic = replay.DisorderedTraffic(callers=4, repeated_share=0.1, seed=1)
    caller = ScoringClient(client)
    answers = pd.concat(
        [
            caller.replay_day(days[0], tx, labels, batch_rows=97, refunds=refunds),
            caller.replay_day(days[1], tx, labels, 1, traffic, refunds),
        ]
    ).set_index("tx_id")
    offline = features.load_features(workspace, days[0], days[-1] + DAY).set_index("tx_id")
    engine = store.connect(workspace)
    online = serving.load_logged_inputs(engine, list(offline.index)).loc[offline.index]
    engine.dispose()
    numeric = list(features.NUMERIC_FEATURES)
    assert (offline["c_refunds_7d"] > 0).any() and (offline["c_last_refund_hours"] < 24).any()
    np.testing.assert_allclose(
        online[numeric].to_numpy(), offline[numeric].to_numpy(), rtol=0, atol=1e-9, equal_nan=True
    )
    assert (
        online[list(features.CATEGORICAL_FEATURES)] == offline[list(features.CATEGORICAL_FEATURES)]
    ).all(axis=None)
    model = models.ModelRegistry(workspace).find().load()
    again = answers.loc[offline.index, "probability"].to_numpy()
    np.testing.assert_allclose(again, models.predict_probability(model, offline), rtol=0, atol=1e-9)


def test_contributions_add_up_to_the_score(small_workspace):
    champion = models.ModelRegistry(small_workspace).find()
    served = loaded_model.LoadedModel.load(
        champion.folder / "model.skops", champion.sha256, champion.version, champion.policy
    )
    rows = features.load_features(small_workspace).sample(300, random_state=0)
    numbers = rows[list(features.NUMERIC_FEATURES)].to_numpy(float)
    encoded = served.model.encode(
        numbers, *(rows[name].tolist() for name in features.CATEGORICAL_FEATURES)
    )
    p = served.model.probability(encoded)
    total = served.explainer.contributions(encoded).sum(axis=1) + served.explainer.base
    score = served.model.model.decision_function(encoded)  # log-odds before the calibration
    np.testing.assert_allclose(total, score, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(p, models.predict_probability(champion.load(), rows))


def test_a_fraud_report_counts_once_and_the_ledger_names_the_caller(service):
    workspace, client, _ = service
    label = {
        "tx_id": "L1",
        "customer_id": "nobody",
        "terminal_id": "nowhere",
        "label_ts": 1_775_000_000,
    }
    assert ScoringClient(client).post("/label", {"labels": [label, label]}) == {"new": 1}
    assert ScoringClient(client).post("/label", {"labels": [label]}) == {"new": 0}
    unknown = client.post(
        "/label", json={"labels": [{"tx_id": "never seen", "label_ts": 1_775_000_000}]}
    )
    assert unknown.status_code == 404 and "never seen" in unknown.text
    of_label = (store.labels.c.tx_id == "L1", store.labels.c.actor == "issuer-1")
    assert count(workspace, store.labels, *of_label) == 1
    with store.connect(workspace).connect() as connection:
        entry = ledger.load_entries(connection, "chargebacks")[-1]
    assert entry["actor"] == "api:issuer-1"
    assert entry["payload"] == {"labels": [["L1", "issuer-1", 1, 1_775_000_000]]}


def refund(**changes) -> dict:
    fields = {"tx_id": "B1", "ts": 1_775_000_000, "customer_id": "again", "terminal_id": "m"}
    return {"refunds": [fields | {"amount": 12.5} | changes]}


def test_a_refund_is_recorded_and_later_features_count_it(service):
    workspace, client, _ = service
    caller, recorded = ScoringClient(client), "recorded, not scored"
    assert caller.post("/refund", refund()) == {"new": 1, "answer": recorded}
    assert caller.post("/refund", refund()) == {"new": 0, "answer": recorded}
    caller.post("/refund", refund(tx_id="B2", ts=1_775_003_600, kind="reversal"))
    of_b1 = store.refunds.c.tx_id == "B1"
    assert count(workspace, store.refunds, of_b1, store.refunds.c.amount_cents == -1250) == 1
    assert not count(workspace, store.predictions, store.predictions.c.tx_id.in_(["B1", "B2"]))
    assert not count(workspace, store.transactions, store.transactions.c.tx_id.in_(["B1", "B2"]))
    times = {"AT": 1_775_003_600 + 59, "AFTER": 1_775_003_600 + 60}
    for tx_id, ts in times.items():
        caller.post("/score", transaction(tx_id=tx_id, ts=ts, customer_id="again"))
    engine = store.connect(workspace)
    inputs = serving.load_logged_inputs(engine, list(times)).loc[list(times)]
    with engine.connect() as connection:
        sealed = connection.scalar(
            sa.select(sa.func.count()).where(store.sealed.c.key.in_(["B1", "B2"]))
        )
    engine.dispose()
    assert sealed == 2 and inputs["c_refunds_7d"].tolist() == [1, 2]
    assert inputs["c_last_refund_hours"].tolist() == [3659 / 3600, 60 / 3600]
    assert inputs["c_n_30d"].tolist() == [0, 0]  # a refund is no spending


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": -12.5},
        {"amount": 0},
        {"amount": 1.005},
        {"kind": "purchase"},
        {"ts": 4_000_000_000},
        {"customer_id": ""},
        {"colour": "red"},
    ],
)
def test_a_wrong_refund_is_refused_by_name(service, changes):
    workspace, client, _ = service
    refused = client.post("/refund", json=refund(**({"tx_id": "BAD"} | changes)))
    assert refused.status_code == 422 and next(iter(changes)) in refused.json()["detail"]
    assert not count(workspace, store.refunds, store.refunds.c.tx_id == "BAD")


def test_a_refund_with_the_id_of_a_purchase_is_refused(service):
    workspace, client, _ = service
    ScoringClient(client).post("/score", transaction(tx_id="TAKEN"))
    refused = client.post("/refund", json=refund(tx_id="TAKEN"))
    assert refused.status_code == 409 and "TAKEN has the id of a purchase" in refused.text
    assert not count(workspace, store.refunds, store.refunds.c.tx_id == "TAKEN")


def test_a_negative_purchase_is_told_where_refunds_go(service):
    _, client, _ = service
    refused = client.post("/score", json=transaction(tx_id="MINUS", amount=-5))
    assert "a negative amount is a refund: send it to /refund" in refused.json()["detail"]


@pytest.mark.parametrize("forged", [{"source": "reviewer"}, {"actor": "bob"}])
def test_nobody_forges_the_verdict_of_a_reviewer_through_the_service(service, forged):
    workspace, client, _ = service
    label = {"tx_id": "FORGED", "customer_id": "c", "terminal_id": "m", "label_ts": 1_775_000_000}
    refused = client.post("/label", json={"labels": [label | forged]})
    assert refused.status_code == 422 and next(iter(forged)) in refused.text
    assert not count(workspace, store.labels, store.labels.c.tx_id == "FORGED")


def test_predictions_come_in_pages_and_by_what_is_known_of_them(service):
    workspace, client, _ = service
    ScoringClient(client).post("/score", transaction(tx_id="PAGED"))
    seen, after = [], ""
    while after is not None:
        page = client.get("/predictions", params={"limit": 1000, "after": after}).json()
        seen += [one["tx_id"] for one in page["predictions"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) == count(workspace, store.predictions)
    frauds = client.get("/predictions", params={"filter": "frauds", "limit": 1000}).json()[
        "predictions"
    ]
    assert frauds and {one["label"] for one in frauds} == {"fraud"}
    errors = client.get("/predictions", params={"filter": "errors", "limit": 1000}).json()[
        "predictions"
    ]
    assert errors and all(
        (one["label"] == "fraud") == (one["decision"] == "approve") for one in errors
    )
    asked = {"filter": "unlabelled", "limit": 1000, "after": "1775000999:any"}
    open_ones = client.get("/predictions", params=asked).json()["predictions"]
    assert "PAGED" in {one["tx_id"] for one in open_ones} and {
        one["label"] for one in open_ones
    } == {None}
    assert client.get("/stats").json()["predictions"] == len(seen)


def test_reasons_come_on_request_and_later_from_the_record(service):
    workspace, client, _ = service
    caller = ScoringClient(client)
    several = [transaction(tx_id=f"WHY-{i}", amount=i + 1)["transactions"][0] for i in range(20)]
    plain = caller.post("/score", {"transactions": several})
    quiet = [one for one in plain if not one["reasons"]]
    assert quiet  # approved, and in no sample
    explained = caller.post("/score?reasons=all", {"transactions": several})
    assert [one["prediction_id"] for one in explained] == [one["prediction_id"] for one in plain]
    assert {len(one["reasons"]) for one in explained} == {3}
    for one in explained:
        found = client.get(f"/predictions/{one['prediction_id']}/reasons").json()
        assert found["reasons"] == one["reasons"] and found["tx_id"] == one["tx_id"]
        assert found["model_version"] == one["model_version"]
    new = caller.post("/score?reasons=all", transaction(tx_id="WHY-NEW"))[0]
    assert len(new["reasons"]) == 3
    missing = client.get(f"/predictions/{'0' * 32}/reasons")
    assert missing.status_code == 404 and "There is no prediction 000" in missing.json()["detail"]
    assert client.get("/predictions/abc/reasons").status_code == 422
    assert client.post("/score?reasons=some", json=transaction()).status_code == 422
    many = [transaction(tx_id=f"MANY{i}")["transactions"][0] for i in range(501)]
    refused = client.post("/score?reasons=all", json={"transactions": many})
    assert refused.status_code == 422 and "at most 500" in refused.json()["detail"]
    assert not count(workspace, store.predictions, store.predictions.c.tx_id == "MANY0")
    with store.write_transaction(engine := store.connect(workspace)) as connection:
        of_one = store.predictions.c.tx_id == "WHY-0"
        connection.execute(store.predictions.update().where(of_one).values(model_version="99"))
    engine.dispose()
    gone = client.get(f"/predictions/{plain[0]['prediction_id']}/reasons")
    assert gone.status_code == 409 and "Version 99" in gone.json()["detail"]


def test_the_switch_to_rules_is_followed_by_all_workers_and_logged(service):
    workspace, client, _ = service
    try:
        said = ScoringClient(client).post(
            "/switch", {"mode": "rules", "actor": "ann", "reason": "scores look odd"}
        )
        assert said["mode"] == "rules"
        urls = [transaction(tx_id=f"RULED-{i}") for i in range(12)]
        with concurrent.futures.ThreadPoolExecutor(
            6
        ) as pool:  # new connections, so that both workers are asked
            answers = list(
                pool.map(
                    lambda body: httpx.post(
                        f"{client.base_url}/score", json=body, timeout=60, headers=HEADERS
                    ).json()[0],
                    urls,
                )
            )
        assert {answer["model_version"] for answer in answers} == {"rules"}
    finally:
        ScoringClient(client).post(
            "/switch", {"mode": "model", "actor": "ann", "reason": "looked at"}
        )
    assert (
        ScoringClient(client).post("/score", transaction(tx_id="RULED-NO-MORE"))[0]["model_version"]
        != "rules"
    )
    with store.connect(workspace).connect() as connection:
        entry = ledger.load_entries(connection, "service")[-2]
    assert entry["actor"] == "api:issuer-1" and entry["payload"] == {
        "on_behalf_of": "ann",
        "reason": "scores look odd",
        "mode": {"mode": "rules"},
    }


def test_a_reload_takes_the_registrys_champion_and_drops_no_request(service):
    workspace, client, _ = service
    tx, labels, timeline = (
        data.load_transactions(workspace),
        data.load_labels(workspace),
        load_timeline(workspace),
    )
    table = features.load_features(workspace)
    train = models.LabelledRows.select_mature(
        table, tx, labels, timeline.train, timeline.as_of, known_at=timeline.as_of
    )
    old = models.ModelRegistry(workspace).find()
    models.ModelRegistry(workspace).select_experiment("champion")
    with mlflow.start_run():
        new = models.ModelRegistry(workspace).register(
            models.fit_strategy("class_weight", train, DecisionPolicy()), train.X.head(5)
        )
    with mlflow.start_run():
        other = models.ModelRegistry(workspace).register(
            models.fit_strategy("undersample", train, DecisionPolicy()), train.X.head(5)
        )
    tracking = mlflow.MlflowClient()
    tracking.set_registered_model_alias(REGISTERED_MODEL_NAME, "champion", new.version)
    tracking.set_registered_model_alias(REGISTERED_MODEL_NAME, "challenger", other.version)
    answers = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(client.post, "/reload", json={"actor": "ann"})
        while not waiting.done():
            answers.append(client.post("/score", json=transaction(tx_id=f"RELOAD-{len(answers)}")))
    assert {answer.status_code for answer in answers} == {200} and answers[0].json()[0][
        "model_version"
    ] == old.version
    assert waiting.result().json() == {
        "version": new.version,
        "previous": old.version,
        "challenger": other.version,
    }
    with concurrent.futures.ThreadPoolExecutor(6) as pool:  # both workers
        bodies = [transaction(tx_id=f"RELOADED-{i}") for i in range(12)]
        later = list(
            pool.map(
                lambda body: httpx.post(
                    f"{client.base_url}/score", json=body, timeout=60, headers=HEADERS
                ).json()[0],
                bodies,
            )
        )
    assert {answer["model_version"] for answer in later} == {new.version}
    of_these = store.shadow.c.tx_id.like("RELOADED-%")
    assert (
        count(workspace, store.shadow, of_these, store.shadow.c.model_version == other.version)
        == 12
    )


def test_schemathesis_finds_no_error_and_no_hang(service):
    _, client, _ = service
    seen = attack(str(client.base_url), EXAMPLES, token=TOKEN)
    assert seen.total() >= EXAMPLES and {200, 422} <= set(seen) and max(seen) < 500


def test_killed_in_the_middle_of_a_replay_nothing_is_lost_and_nothing_twice(
    small_workspace, service, tmp_path
):
    workspace, tag = without_live_days(small_workspace, tmp_path / "killed", service[0]), service[2]
    tx = data.load_transactions(workspace)
    day = load_timeline(workspace).live_days[-2]
    sent = tx[(tx["ts"] >= day) & (tx["ts"] < day + DAY)]
    answered = []
    others = set(psutil.Process().children(recursive=True))
    with pytest.raises(httpx.TransportError), serving.serve_bento(workspace, tag) as url:
        with httpx.Client(base_url=url, timeout=60) as client:
            for at in range(len(sent)):
                answered.append(ScoringClient(client).score(sent.iloc[at : at + 1], 1))
                if at == len(sent) // 2:
                    for worker in set(psutil.Process().children(recursive=True)) - others:
                        worker.send_signal(signal.SIGKILL)
    before = pd.concat(answered).set_index("tx_id")
    with (
        serving.serve_bento(workspace, tag, host="0.0.0.0") as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        again = ScoringClient(client).score(sent, 50).set_index("tx_id")
        # nobody is known here: on this machine scoring needs no token, and a fraud report does
        refused = client.post("/label", json={"labels": []})
        assert refused.status_code == 401 and "FRAUDOPS_API_TOKEN" in refused.text
        switch = {"mode": "model", "actor": "ann", "reason": "nothing changes"}
        assert client.post("/switch", json=switch).status_code == 200
        with store.connect(workspace).connect() as connection:
            assert ledger.load_entries(connection, "service")[-1]["actor"] == "unverified:ann"
        if address := own_address():  # it listens elsewhere, and there is no token
            elsewhere = url.replace("127.0.0.1", address)
            refused = client.get(f"{elsewhere}/model")
            assert refused.status_code == 401 and "FRAUDOPS_API_TOKEN" in refused.text
            assert client.get(f"{elsewhere}/readyz").status_code == 200
    assert len(before) > len(sent) // 2
    assert (again.loc[before.index, "prediction_id"] == before["prediction_id"]).all()
    assert count(
        workspace, store.predictions, store.predictions.c.tx_id.in_(list(sent["tx_id"]))
    ) == len(sent)


@pytest.mark.parametrize(
    ("token", "given", "status"),
    [
        ("secret", None, 401),
        ("secret", "Bearer wrong", 401),
        ("secret", "Bearer secret", 200),
        ("ann:first,bob:second", "Bearer second", 200),
        ("ann:first,bob:second", "Bearer ann:first", 401),
        ("", None, 200),
    ],
)
def test_a_token_is_asked_of_everybody_where_there_is_one(monkeypatch, token, given, status):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    monkeypatch.setenv("FRAUDOPS_API_TOKEN", token)
    client = TestClient(AccessMiddleware(app), base_url="http://127.0.0.1", client=("127.0.0.1", 1))
    assert (
        client.get("/model", headers={"Authorization": given} if given else {}).status_code
        == status
    )
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "text", ["Ann Smith:secret", ":secret", "ann:", "ann:secret,bob:secret", "x:secret"]
)
def test_a_list_of_tokens_that_names_nobody_is_refused_without_the_token(text):
    with pytest.raises(UserError, match="FRAUDOPS_API_TOKEN") as refused:
        parse_tokens(text)
    assert "secret" not in str(refused.value)


def test_a_token_without_a_name_belongs_to_the_caller():
    assert parse_tokens("secret") == {"secret": "caller"}
    assert parse_tokens("") == {}


def test_a_browser_is_told_to_load_nothing_from_elsewhere():
    async def app(scope, receive, send):
        await PlainTextResponse("<script src='https://elsewhere.example/x.js'>")(
            scope, receive, send
        )

    client = TestClient(AccessMiddleware(app), base_url="http://127.0.0.1", client=("127.0.0.1", 1))
    policy = client.get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'self'") and "http" not in policy


def test_reports_of_a_day_without_transactions_are_sent():
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.path, json.loads(request.content)))
        return httpx.Response(200, json=[])

    labels = pd.DataFrame({"tx_id": ["a", "b"], "customer_id": "c", "terminal_id": "m"})
    labels = labels.assign(label_ts=[DAY + 1, 2 * DAY])
    transactions = pd.DataFrame({"ts": [5]})
    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://service") as http:
        answers = ScoringClient(http).replay_day(DAY, transactions, labels, 100)
    [(path, body)] = sent
    assert path == "/label" and [one["tx_id"] for one in body["labels"]] == ["a"]
    assert len(answers) == 0


def own_address() -> str | None:
    found = [
        one.address
        for card in psutil.net_if_addrs().values()
        for one in card
        if one.family.name == "AF_INET"
    ]
    return next((address for address in found if not address.startswith("127.")), None)


def test_a_full_queue_refuses_at_once_and_a_bad_request_harms_no_other():
    async def scenario() -> None:
        def work(rows: list[dict]) -> list[dict]:
            if any(row["tx_id"] == "poison" for row in rows):
                raise RuntimeError("one of them is bad")
            return rows

        batcher = serving.Batcher(work)
        waiting = [
            asyncio.ensure_future(batcher.submit([{"tx_id": i}]))
            for i in range(serving.MAX_WAITING_REQUESTS - 1)
        ]
        bad = asyncio.ensure_future(batcher.submit([{"tx_id": "poison"}]))
        await asyncio.sleep(0)
        with pytest.raises(serving.QueueFullError):
            await batcher.submit([{"tx_id": "one too many"}])
        worker = asyncio.create_task(batcher.run())
        assert [answer[0]["tx_id"] for answer in await asyncio.gather(*waiting)] == list(
            range(serving.MAX_WAITING_REQUESTS - 1)
        )
        with pytest.raises(RuntimeError, match="bad"):
            await bad
        worker.cancel()

    asyncio.run(scenario())


def test_a_change_of_the_policy_needs_no_restart_and_is_logged(service):
    workspace, client, _ = service
    scoring, change = ScoringClient(client), {"actor": "ann", "reason": "the team has shrunk"}
    before = client.get("/model").json()["policy"]
    try:
        answered = scoring.post("/policy", change | {"review": 50_000_000, "goodwill": 50_000_000})
        assert answered["policy"]["review"] == 50_000_000
        # nothing is worth a review now
        costly = scoring.post("/score", transaction(tx_id="COSTLY", amount=999.0))[0]
        assert costly["decision"] == "approve" and "500,000.00" in costly["decision_reason"]
        scoring.post("/policy", change | {"review": 0})
        free = scoring.post("/score", transaction(tx_id="FREE", amount=999.0))[0]
        assert free["decision"] == "review" and free["expected_loss"] == 0
        # the first answer counts, also under another policy
        assert scoring.post("/score", transaction(tx_id="COSTLY", amount=999.0))[0] == costly
        refused = client.post("/policy", json=change | {"goodwill": 0})
        assert refused.status_code == 422 and "would be blocked" in refused.text
    finally:
        scoring.post("/policy", change | {name: before[name] for name in ("review", "goodwill")})
    with store.connect(workspace).connect() as connection:
        entries = ledger.load_entries(connection, "service")[-3:]
    assert [entry["payload"]["policy"]["review"] for entry in entries] == [50_000_000, 0, 300]
    assert {entry["actor"] for entry in entries} == {"api:issuer-1"}
    assert {entry["payload"]["on_behalf_of"] for entry in entries} == {"ann"}


def test_the_price_of_capacity_is_learnt_from_the_days_before(small_workspace, tmp_path):
    copy = tmp_path / "workspace"
    shutil.copytree(small_workspace.root, copy)
    workspace = Workspace.find(copy)
    engine, champion = store.connect(workspace), models.ModelRegistry(workspace).find()
    limited = dataclasses.replace(champion.policy, review=0, goodwill=10**7, capacity=5)
    with engine.connect() as connection:
        day = store.get_latest_ts(connection) // DAY * DAY
        rows = [{"ts": day + 60}]
        versions = sa.select(store.predictions.c.model_version).distinct()
        answered = connection.scalars(versions).one()
        found = []
        # the same file under a new version, as if it had been promoted today: scored again
        for version in (answered, "new"):
            scorer = Scorer(
                engine, champion.file, champion.sha256, version, limited, made_at=float("inf")
            )
            learnt = scorer._current_policy(connection, rows)
            p, cents, days = store.load_recent_scores(
                connection, day - 7 * DAY, day, version, scorer.champion.score_inputs
            )
            found.append((sorted(zip(p, cents, strict=True)), learnt.capacity_price))
        assert found[0] == found[1]
        half = scorer.champion.score_inputs
        weaker, _, _ = store.load_recent_scores(
            connection, day - 7 * DAY, day, "new", lambda inputs: half(inputs) / 2
        )
        assert weaker.sum() == p.sum() / 2
    engine.dispose()
    assert days == 7 and learnt.capacity_price > 0
    reviews = (learnt.make_decisions(p, cents) == "review").sum()
    assert 0 < reviews <= 5 * days


def test_a_prediction_key_draws_the_same_sample_again(small_workspace, tmp_path):
    def draw(name: str, key: str = "") -> list[str]:
        copy = Workspace.find(shutil.copytree(small_workspace.root, tmp_path / name))
        engine, champion = store.connect(copy), models.ModelRegistry(copy).find()
        scorer = Scorer(
            engine,
            champion.file,
            champion.sha256,
            champion.version,
            champion.policy,
            prediction_key=key,
        )
        again = data.load_transactions(copy).tail(20)
        found = scorer.score(again.assign(tx_id="again-" + again["tx_id"]))
        engine.dispose()
        return list(found["prediction_id"])

    first, second, other, secret = draw("a", "k"), draw("b", "k"), draw("c", "x"), draw("d")
    assert first == second and len(set(first)) == 20
    assert not set(first) & (set(other) | set(secret)) and not set(other) & set(secret)
