"""Check of E02: amounts in euros become whole cents."""

from numbers import Integral

from fraudops.exercises import Misconception, Probe


def observe(function, amounts):
    cents = list(function(amounts))
    whole = all(isinstance(one, Integral) for one in cents)
    return {"cents": cents, "all are whole numbers": whole}


def make_probes(random):
    euros = int(random.integers(2, 90))
    return [
        Probe(([19.99, 4.35, euros + 0.5],), "some purchases", observe),
        Probe(([0.29, 0.57, 1.13],), "small amounts", observe),
        Probe(([-float(euros) - 0.25, -8.2],), "refunds", observe),
    ]


def answer(amounts):
    return [round(amount * 100) for amount in amounts]


MISCONCEPTIONS = (
    Misconception(
        "cut_off",
        "`int` cuts off what is behind the point. 19.99 is stored as a little less than "
        "19.99, so 19.99 becomes 1998 cents.",
        lambda amounts: [int(amount * 100) for amount in amounts],
    ),
    Misconception(
        "decimal_numbers",
        "These cents are still decimal numbers. Their sums are not exact, and two engines"
        " may disagree in the last digits.",
        lambda amounts: [amount * 100 for amount in amounts],
    ),
    Misconception(
        "half_up",
        "To add a half and cut off works for positive amounts only. A refund is one cent wrong.",
        lambda amounts: [int(amount * 100 + 0.5) for amount in amounts],
    ),
)
