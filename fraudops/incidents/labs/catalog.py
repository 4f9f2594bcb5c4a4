"""The five incident labs."""

from fraudops.errors import UserError
from fraudops.incidents.labs.cents_monday import CENTS_MONDAY
from fraudops.incidents.labs.future_leak import TOO_GOOD_CHALLENGER
from fraudops.incidents.labs.lab import Lab
from fraudops.incidents.labs.midnight_promotion import MIDNIGHT_PROMOTION
from fraudops.incidents.labs.service_storm import SERVICE_STORM
from fraudops.incidents.labs.vanished_verdict import VANISHED_VERDICT

LABS = {
    one.id: one
    for one in (
        CENTS_MONDAY,
        MIDNIGHT_PROMOTION,
        TOO_GOOD_CHALLENGER,
        SERVICE_STORM,
        VANISHED_VERDICT,
    )
}


def find_lab(name: str) -> Lab:
    """Find a lab by its id.

    Parameters
    ----------
    name : str

    Returns
    -------
    Lab

    Raises
    ------
    UserError
        If there is none.
    """
    if name not in LABS:
        raise UserError(f"There is no lab {name[:60]!r}. Choose one of: {', '.join(LABS)}.")
    return LABS[name]
