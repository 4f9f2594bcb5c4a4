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
IDENTIFIER_PATTERN = r"^[^\x00-\x1f]+$"  # of ids, in files and in the service
DELIVERY_FILE = "delivery.yml"  # beside the files that it describes
