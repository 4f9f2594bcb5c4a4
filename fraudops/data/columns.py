"""The columns of a stored transaction, and rules that ingestion and service share."""

from typing import Any

import numpy as np

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
STORED_COLUMNS = (*TRANSACTION_COLUMNS, "kind")  # of purchases and refunds, as they are on disk
IDENTIFIER_PATTERN = r"^[^\x00-\x1f]+$"  # of ids, in files and in the service
DELIVERY_FILE = "delivery.yml"  # beside the files that it describes
# Refunds and reversals have a negative amount (see `kinds`). They are kept, and they are neither
# scored nor counted as purchases.
IS_PURCHASE_SQL = "amount_cents >= 0"
IS_REFUND_SQL = "amount_cents < 0"
SMALLEST_FRACTION = 1e-4  # of a cent: less is the inexactness of a binary number


def has_cent_fraction(cents: Any) -> Any:
    """Tell where an amount is no whole number of cents.

    Parameters
    ----------
    cents : float or array of float

    Returns
    -------
    bool or array of bool

    Examples
    --------
    >>> bool(has_cent_fraction(100.5)), bool(has_cent_fraction(1234.0000000000002))
    (True, False)
    """
    return abs(cents - np.round(cents)) > np.maximum(SMALLEST_FRACTION, 1e-9 * abs(cents))
