"""Check of E20: the model is loaded once, and the answer is a probability of fraud."""

from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from fraudops.exercises import Misconception, Probe


def observe(function, X, y, requests):
    loads = []

    def load_model():
        loads.append(1)
        model = LogisticRegression() if len(set(y)) > 1 else DummyClassifier()
        return model.fit(X, y)

    answer = function(load_model)
    answers = [[round(float(one), 6) for one in answer(rows)] for rows in requests]
    return {"answers": answers, "loaded once": len(loads) == 1}


def make_probes(random):
    X = random.normal(size=(40, 2)).round(2)
    y = (X[:, 0] + 0.5 * random.normal(size=40) > 0.4).astype(int)
    requests = [random.normal(size=(size, 2)).round(2) for size in (1, 3, 2)]
    return [
        Probe((X, y, requests), "three requests", observe),
        Probe((X, y, requests[:1]), "one request", observe),
    ]


def serve(load_model, get=lambda model, rows: model.predict_proba(rows)[:, 1]):
    model = load_model()
    return lambda rows: get(model, rows)


def answer(load_model):
    return serve(load_model)


MISCONCEPTIONS = (
    Misconception(
        "loads_for_each_request",
        "The model is loaded again for each request. Each caller waits for seconds. Load "
        "it once, when the service starts.",
        lambda load_model: lambda rows: serve(load_model)(rows),
    ),
    Misconception(
        "class",
        "`predict` answers 0 or 1. The decision needs the probability, because it depends"
        " on the amount.",
        lambda load_model: serve(load_model, lambda model, rows: model.predict(rows)),
    ),
    Misconception(
        "first_column",
        "The first column is the probability of class 0, genuine. Your service calls "
        "honest customers frauds.",
        lambda load_model: serve(load_model, lambda model, rows: model.predict_proba(rows)[:, 0]),
    ),
)
