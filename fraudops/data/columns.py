"""The columns of a stored transaction."""

TRANSACTION_COLUMNS = (
    "tx_id",
    "ts",
    "customer_id",
    "terminal_id",
    "amount_cents",
    "category",
    "channel",
    "lat_cdeg",
    "lon_cdeg",
)
