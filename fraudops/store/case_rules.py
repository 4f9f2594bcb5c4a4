"""Which predictions become cases for reviewers."""

import zlib

from sqlalchemy import Row

WAITING_STATES = ("open", "second")  # of a case that waits for a decision
BLIND_SHARE = 0.1  # of the flagged cases: the score stays hidden until a first opinion is given
SAMPLE_SHARE = 0.005  # of the approved transactions: reviewed to learn what the model misses


def is_sampled(prediction_id: str, share: float) -> bool:
    """Tell whether a prediction is in a random sample, by a checksum of its id."""
    return zlib.crc32(prediction_id.encode()) < share * 2**32


def get_sample_id_bound(share: float) -> str:
    """Get the id below which a random id lies with this probability."""
    return f"{int(share * 16**8):08x}"


def needs_case(prediction_id: str, decision: str) -> bool:
    """Tell whether a person looks at a prediction: flagged, or in the sample of approved ones.

    Examples
    --------
    >>> needs_case("ffff", "review"), needs_case("ffff", "approve"), needs_case("0000", "approve")
    (True, False, True)
    """
    return decision != "approve" or prediction_id < get_sample_id_bound(SAMPLE_SHARE)


def make_case(prediction: dict | Row, amount_cents: int) -> dict | None:
    """Make the case of a prediction: flagged, or in the random sample of the approved ones.

    Parameters
    ----------
    prediction : dict or Row
        prediction_id, tx_id, ts, probability and decision.
    amount_cents : int

    Returns
    -------
    dict or None
        A row of `store.cases`; None if the prediction needs no review.
    """
    one = prediction if isinstance(prediction, dict) else prediction._mapping
    if not needs_case(one["prediction_id"], one["decision"]):
        return None
    is_flagged = one["decision"] != "approve"
    # A case of the sample is blind too: the model approved it, and to see that decides the case.
    is_blind = not is_flagged or is_sampled(one["prediction_id"], BLIND_SHARE)
    return {
        "tx_id": one["tx_id"],
        "opened_ts": one["ts"],
        "state": "open",
        "claimed_until": 0.0,
        "kind": "flagged" if is_flagged else "sample",
        "blind": int(is_blind),
        "expected_loss_cents": one["probability"] * amount_cents,
    }
