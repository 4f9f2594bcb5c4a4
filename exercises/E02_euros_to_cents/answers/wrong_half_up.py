import math


def to_cents(amounts):
    return [math.trunc(amount * 100 + 0.5) for amount in amounts]
