"""What a row is: a purchase, a refund, or the reversal of a purchase.

Money that goes back to the customer has a negative amount, whatever sign the source gives it. So
the stored sign tells a purchase from the others.
"""

import pandas as pd

LARGEST_CENTS = 2**60  # more is no amount but a mark of `values`, which the schema refuses
KINDS = ("purchase", "refund", "reversal")
# as files write them, in small letters
KIND_WORDS = {
    "purchase": "purchase",
    "sale": "purchase",
    "payment": "purchase",
    "charge": "purchase",
    "debit": "purchase",
    "refund": "refund",
    "credit": "refund",
    "return": "refund",
    "reversal": "reversal",
    "reversed": "reversal",
    "void": "reversal",
    "cancellation": "reversal",
}


def settle_kinds(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill in missing kinds by the sign of the amount, and settle the sign of the others.

    Parameters
    ----------
    frame : DataFrame
        With ``amount_cents`` (Int64). ``kind`` may be absent or null.

    Returns
    -------
    DataFrame
        With ``kind``. A refund or reversal has no positive amount.

    Examples
    --------
    >>> rows = pd.DataFrame({"amount_cents": [500, -500, 500], "kind": [None, None, "refund"]})
    >>> settle_kinds(rows.astype({"amount_cents": "Int64"})).to_numpy().tolist()
    [[500, 'purchase'], [-500, 'refund'], [-500, 'refund']]
    """
    cents = frame["amount_cents"]
    is_negative = cents.lt(0).fillna(False)
    by_sign = pd.Series("purchase", frame.index, dtype="str").mask(is_negative, "refund")
    if "kind" not in frame or frame["kind"].isna().all():
        return frame.assign(kind=by_sign)
    kind = frame["kind"].astype("str").fillna(by_sign)
    is_back = kind.isin(KINDS[1:]) & cents.between(1, LARGEST_CENTS).fillna(False)
    return frame.assign(kind=kind, amount_cents=cents.mask(is_back, -cents))
