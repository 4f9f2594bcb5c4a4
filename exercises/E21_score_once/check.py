"""Check of E21: a repeated request gets the stored answer."""

from fraudops.exercises import Misconception, Probe


def observe(function, requests):
    stored, scores = {}, iter(range(1, 100))

    def score(request):
        return next(scores) / 100

    answers = [function(dict(request), stored, score) for request in requests]
    return {"answers": answers, "stored": len(stored), "scored": next(scores) - 1}


def make_probes(random):
    first, second = (f"t{one}" for one in random.choice(range(100, 999), 2, replace=False))

    def ask(name, at):
        return {"tx_id": name, "amount_cents": 500, "sent_at": at}

    return [
        Probe(([ask(first, 1), ask(second, 2)],), "two transactions", observe),
        Probe(([ask(first, 1), ask(second, 2), ask(first, 1)],), "one comes again", observe),
        Probe(([ask(first, 1), ask(first, 4)],), "one is sent again, later", observe),
    ]


def keep(request, stored, score, key=None):
    name = key or request["tx_id"]
    if name not in stored:
        stored[name] = score(request)
    return stored[name]


def answer(request, stored, score):
    return keep(request, stored, score)


def score_again(request, stored, score):
    stored[request["tx_id"]] = result = score(request)
    return result


MISCONCEPTIONS = (
    Misconception(
        "scores_again",
        "The same transaction is scored again and gets a second opinion. The first answer"
        " is overwritten, although the payment system has acted on it.",
        score_again,
    ),
    Misconception(
        "key_is_the_body",
        "You recognise a request by all its content. A repeated request differs in the "
        "time of sending, so the transaction is stored twice.",
        lambda request, stored, score: keep(request, stored, score, str(request)),
    ),
    Misconception(
        "nothing_stored",
        "The answer is not stored. The next request cannot know of it, and a reviewer "
        "cannot see it.",
        lambda request, stored, score: score(request),
    ),
)
