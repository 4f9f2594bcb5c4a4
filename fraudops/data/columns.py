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
# a refund has a negative amount; it is kept, and it is neither scored nor counted as a purchase
IS_PURCHASE_SQL = "amount_cents >= 0"
IS_REFUND_SQL = "amount_cents < 0"
