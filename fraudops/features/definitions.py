"""The features: names, units, meanings, and how far back they look."""

from collections.abc import Iterable
from importlib.resources import files

FEATURE_SQL = files("fraudops.features").joinpath("features.sql").read_text(encoding="utf-8")
WINDOW_GAP_SECONDS = 60  # every window of the SQL ends this long before the transaction
# No window reaches further back. A customer's unusual amounts of 14 days are each compared with
# the 60 days before them.
CUSTOMER_HISTORY_SECONDS = (60 + 14) * 86_400
TERMINAL_HISTORY_SECONDS = 30 * 86_400

KEY_COLUMNS = ("tx_id", "ts", "customer_id")  # kept beside the features

# name: (unit, meaning); the order is the model's
FEATURE_DEFINITIONS = {
    "amount": ("money", "amount of the transaction"),
    "hour": ("h", "hour of the day, UTC, with minutes as a fraction"),
    "weekday": ("0-6", "day of the week, Monday is 0"),
    "c_n_1h": ("count", "the customer's transactions in the last hour"),
    "c_n_1d": ("count", "the customer's transactions in the last day"),
    "c_n_7d": ("count", "the customer's transactions in 7 days"),
    "c_n_30d": ("count", "the customer's transactions in 30 days"),
    "c_mean_7d": ("money", "the customer's mean amount in 7 days"),
    "c_mean_30d": ("money", "the customer's mean amount in 30 days"),
    "c_mean_60d": ("money", "the customer's mean amount in 60 days"),
    "c_max_30d": ("money", "the customer's largest amount in 30 days"),
    "c_sum_1d": ("money", "the customer's total in the last day"),
    "c_amount_ratio": ("ratio", "this amount over the customer's mean of 30 days"),
    "c_scale_ratio": ("ratio", "this amount over the customer's mean of 60 days"),
    "c_unusual_1d": (
        "count",
        "the customer's transactions of the last day over three times"
        " the mean of the 60 days before them",
    ),
    "c_unusual_14d": ("count", "the same in 14 days"),
    "c_online_1d": ("count", "the customer's online purchases in the last day"),
    "c_online_share_30d": (
        "share",
        "online purchases among the customer's transactions of 30 days",
    ),
    "c_fraud_30d": ("count", "fraud reports on the customer's card that arrived in 30 days"),
    "c_refunds_7d": ("count", "the customer's refunds and reversals in 7 days"),
    "c_last_refund_hours": (
        "h",
        "time since the customer's last refund or reversal, at most 30 days",
    ),
    "c_idle_hours": ("h", "time since the customer's last transaction, at most 30 days"),
    "c_distance_km": (
        "km",
        "from the place of the customer's last located transaction of 30 days"
        " to this one's; -1 if unknown",
    ),
    "c_speed_kmh": ("km/h", "that distance over the time between the two; -1 if unknown"),
    "ct_n_30d": ("count", "this customer's transactions at this terminal in 30 days"),
    "cc_n_30d": ("count", "this customer's transactions in this category in 30 days"),
    "t_n_1h": ("count", "the terminal's transactions in the last hour"),
    "t_n_1d": ("count", "the terminal's transactions in the last day"),
    "t_n_7d": ("count", "the terminal's transactions in 7 days"),
    "t_n_30d": ("count", "the terminal's transactions in 30 days"),
    "t_mean_30d": ("money", "the terminal's mean amount in 30 days"),
    "t_amount_ratio": ("ratio", "this amount over the terminal's mean of 30 days"),
    "t_fraud_1d": ("count", "fraud reports on the terminal that arrived in the last day"),
    "t_fraud_7d": ("count", "fraud reports on the terminal that arrived in 7 days"),
    "t_fraud_30d": ("count", "fraud reports on the terminal that arrived in 30 days"),
    "t_first_report_hours": (
        "h",
        "time since the first fraud report of 30 days on the terminal arrived",
    ),
    "t_last_report_hours": (
        "h",
        "time since the last fraud report of 30 days on the terminal arrived",
    ),
    "t_reported_7d": (
        "rate",
        "fraud reports of 7 days over the terminal's transactions of the 7 days before those",
    ),
    "t_fraud_rate_30d": (
        "rate",
        "fraud reports of 30 days over the terminal's transactions of 30 days",
    ),
}
NUMERIC_FEATURES = tuple(FEATURE_DEFINITIONS)
CATEGORICAL_FEATURES = ("category", "channel")
FEATURES = NUMERIC_FEATURES + CATEGORICAL_FEATURES
GIVEN_PREFIX = "given_"  # of numbers that a source brings already computed, such as given_V1
# sums that are NULL without such an event
NULLABLE_SUMS = ("c_last_ts", "c_last_refund_ts", "t_first_report_ts", "t_last_report_ts")
SUM_PREFIXES = ("c_", "ct_", "cc_", "t_")  # how their names begin

CATEGORICAL_MEANINGS = {"category": "the kind of merchant", "channel": "how the card was used"}


def list_given_features(names: Iterable[str]) -> list[str]:
    """List the numbers among some columns that the source has computed itself.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    list of str
        In the order of their names.

    Examples
    --------
    >>> list_given_features(["given_V2", "amount", "given_V1"])
    ['given_V1', 'given_V2']
    """
    return sorted(name for name in names if name.startswith(GIVEN_PREFIX))


def list_model_inputs(names: Iterable[str]) -> list[str]:
    """List a model's inputs in their order: `FEATURES`, and the given ones of the source.

    Parameters
    ----------
    names : iterable of str
        Columns of a table of features.

    Returns
    -------
    list of str

    Examples
    --------
    >>> list_model_inputs(["given_V1", *FEATURES])[-2:]
    ['channel', 'given_V1']
    """
    return [*FEATURES, *list_given_features(names)]
