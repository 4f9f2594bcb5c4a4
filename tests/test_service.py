"""The service over HTTP: answers, refusals, the same answer twice, and no skew."""

import concurrent.futures
import shutil

import httpx
import numpy as np
import pytest
import sqlalchemy as sa

from fraudops import contract, features, models, packaging, registry, replay, store
from fraudops.timeline import DAY, load_timeline
from fraudops.workspace import Workspace


@pytest.fixture(scope="module")
def service(small_workspace, tmp_path_factory):
    """A running service of the small workspace's champion, on a copy whose last two days have not been scored yet."""
    workspace = Workspace.find(tmp_path_factory.mktemp("service") / "copy")
    shutil.copytree(small_workspace.root, workspace.root)
    border = load_timeline(workspace).live_days[-2]
    engine = store.connect(workspace)
    with store.writing(engine) as connection:
        connection.execute(store.predictions.delete().where(store.predictions.c.ts >= border))
        connection.execute(store.transactions.delete().where(store.transactions.c.ts >= border))
    tag = packaging.build(workspace, registry.find(workspace, registry.CHAMPION))
    with packaging.serving(workspace, tag) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield workspace, client


def transaction(**changes) -> dict:
    fields = {"tx_id": "S1", "ts": 1_775_001_000, "customer_id": "nobody", "terminal_id": "nowhere", "amount": 12.5}
    return {"transactions": [fields | changes]}


def test_an_answer_names_decision_threshold_and_version(service):
    workspace, client = service
    answer = replay.post(client, "/score", transaction())[0]
    champion = registry.find(workspace, registry.CHAMPION)
    assert answer["tx_id"] == "S1" and answer["model_version"] == champion.version
    assert 0 <= answer["probability"] <= 1 and answer["threshold"] == champion.threshold
    assert answer["decision"] == ("review" if answer["probability"] >= champion.threshold else "approve")
    assert replay.post(client, "/model", {})["sha256"] == champion.sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": -1}, {"amount": "much"}, {"amount": 1e9}, {"ts": "tomorrow"}, {"ts": -5}, {"ts": 2**70}, {"tx_id": ""},
        {"customer_id": "x" * 500}, {"colour": "red"}, {"terminal_id": None},
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused_by_name(service, changes):
    workspace, client = service
    refused = client.post("/score", json=transaction(**({"tx_id": "BAD"} | changes)))
    assert refused.status_code == 400
    assert next(iter(changes)) in refused.text
    with store.connect(workspace).connect() as connection:
        assert not connection.scalar(sa.select(sa.func.count()).where(store.predictions.c.tx_id.in_(["BAD", ""])))


@pytest.mark.parametrize("body", ["", "{", "[]", '{"transactions": []}', '{"transactions": 1}', '{"transactions": [1]}', "NaN"])
def test_a_broken_body_is_refused(service, body):
    _, client = service
    assert client.post("/score", content=body, headers={"Content-Type": "application/json"}).status_code == 400


def test_sql_in_an_id_is_just_an_id(service):
    workspace, client = service
    name = "x'; DROP TABLE predictions; --"
    assert replay.post(client, "/score", transaction(tx_id=name, customer_id=name))[0]["tx_id"] == name
    with store.connect(workspace).connect() as connection:
        assert connection.scalar(sa.select(store.predictions.c.tx_id).where(store.predictions.c.tx_id == name)) == name


def test_the_same_transaction_gets_its_first_answer(service):
    _, client = service
    first = replay.post(client, "/score", transaction(tx_id="X-TWICE"))[0]
    again = replay.post(client, "/score", transaction(tx_id="X-TWICE", amount=9999))[0]
    assert again == first


def test_callers_at_once_with_the_same_transaction_get_one_answer(service):
    workspace, client = service
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: replay.post(client, "/score", transaction(tx_id="X-RACE"))[0], range(16)))
    assert len({answer["prediction_id"] for answer in answers}) == 1
    with store.connect(workspace).connect() as connection:
        rows = sa.select(sa.func.count()).where(store.predictions.c.tx_id == "X-RACE")
        assert connection.scalar(rows) == 1


def test_replayed_days_have_no_skew(service):
    workspace, client = service
    timeline = load_timeline(workspace)
    tx, labels = contract.load_transactions(workspace), contract.load_labels(workspace)
    days = timeline.live_days[-2:]
    with store.connect(workspace).connect() as connection:
        done = connection.scalar(sa.select(sa.func.max(store.predictions.c.ts)).where(store.predictions.c.tx_id.like("T%")))
    assert done is None or done < days[0]  # so that the answers below are computed now
    answers = {}
    for day in days:
        for row in replay.replay_day(client, day, tx, labels, batch_rows=97).itertuples():
            answers[row.tx_id] = row.probability
    offline = features.load_features(workspace, days[0], days[-1] + DAY)
    model = registry.load(registry.find(workspace, registry.CHAMPION))
    online = np.array([answers[tx_id] for tx_id in offline["tx_id"]])
    np.testing.assert_allclose(online, models.probability(model, offline), rtol=0, atol=1e-9)


def test_a_label_counts_once(service):
    _, client = service
    label = {"tx_id": "L1", "customer_id": "nobody", "terminal_id": "nowhere", "label_ts": 1_775_000_000}
    assert replay.post(client, "/labels", {"labels": [label]}) == {"new": 1}
    assert replay.post(client, "/labels", {"labels": [label]}) == {"new": 0}
