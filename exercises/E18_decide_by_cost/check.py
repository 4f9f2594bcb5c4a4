"""Check of E18: the cheapest of approve, review and block."""

from fraudops.exercises import Misconception, Probe


def make_probes(random):
    small = float(random.integers(2, 5))
    large = float(random.integers(2_000, 6_000))
    return [
        Probe((0.6, small, 8.0, 40.0), "a small purchase"),
        Probe((0.1, large, 8.0, 40.0), "a large purchase"),
        Probe((0.97, large, 8.0, 40.0), "a large purchase, almost surely a fraud"),
        Probe((0.001, small * 10, 8.0, 40.0), "an ordinary purchase"),
        Probe((0.7, 60.0, 30.0, 50.0), "a purchase of 60 euros, and reviews are expensive"),
        Probe((0.45, 55.0, 30.0, 50.0), "a purchase of 55 euros, and reviews are expensive"),
        Probe(
            (0.6, small * 200, 30.0, 20.0), "this customer is patient, and reviews are expensive"
        ),
    ]


def choose(approve, review, block):
    costs = {"approve": approve, "review": review, "block": block}
    return min(costs, key=costs.get)


def answer(probability, amount, review_cost, goodwill):
    return choose(probability * amount, review_cost, (1 - probability) * goodwill)


MISCONCEPTIONS = (
    Misconception(
        "half",
        "A threshold of 0.5 ignores money. Frauds are rare, so few probabilities are that"
        " high, and the large frauds below 0.5 are approved.",
        lambda p, amount, review_cost, goodwill: "block" if p > 0.5 else "approve",
    ),
    Misconception(
        "never_blocks",
        "If a fraud is almost certain, to block it costs less than the time of an analyst.",
        lambda p, amount, review_cost, goodwill: choose(p * amount, review_cost, float("inf")),
    ),
    Misconception(
        "goodwill_for_frauds",
        "Only an honest customer is angry. A blocked fraud costs no goodwill, so it "
        "counts with the probability that the customer is honest.",
        lambda p, amount, review_cost, goodwill: choose(p * amount, review_cost, goodwill),
    ),
    Misconception(
        "ignores_the_amount",
        "You treat every approved fraud alike. The loss is the amount: a fraud of 4 euros"
        " is not worth a review.",
        lambda p, amount, review_cost, goodwill: choose(p * 100, review_cost, (1 - p) * goodwill),
    ),
)
