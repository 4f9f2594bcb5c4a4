from decimal import Decimal


def to_cents(amounts):
    return [int(Decimal(str(amount)) * 100) for amount in amounts]
