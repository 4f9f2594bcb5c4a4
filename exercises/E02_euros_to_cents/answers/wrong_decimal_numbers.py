def to_cents(amounts):
    return [round(amount * 100, 2) for amount in amounts]
