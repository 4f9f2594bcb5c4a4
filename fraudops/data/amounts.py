"""Parse amounts of money as people and programs write them; what is unclear is not read."""

import pandas as pd

from fraudops.errors import UserError

CURRENCY = r"[$€£¥฿₹]|(?:USD|EUR|GBP|CHF|THB|JPY|INR)"
UNCLEAR = r"-?\d{1,3}[.,]\d{3}"  # 1.025 is 1,025 in half of the world
DECIMAL_COMMA = r"-?\d+,\d{1,2}"
COMMA_THOUSANDS = r"-?\d{1,3}(?:,\d{3})+\.\d{1,2}|-?\d{1,3}(?:,\d{3}){2,}"
DOT_THOUSANDS = r"-?\d{1,3}(?:\.\d{3})+,\d{1,2}|-?\d{1,3}(?:\.\d{3}){2,}"
SPACE_THOUSANDS = r"-?\d{1,3}(?:[ ']\d{3})+(?:[.,]\d{1,2})?"


def parse_amounts(text: pd.Series) -> pd.Series:
    """Parse amounts of money.

    Parameters
    ----------
    text : Series of str
        With marks for thousands and decimals of any country, one currency sign, and brackets for
        a negative amount.

    Returns
    -------
    Series of float
        NaN where there is no number, or where it has two readings, as 1.025 and 1,025 have.

    Raises
    ------
    UserError
        If the amounts have several currencies.

    Examples
    --------
    >>> parse_amounts(pd.Series(["12,5", "1.025,50", "$1,025.50", "(3.00)", "1.025"])).tolist()
    [12.5, 1025.5, 1025.5, -3.0, nan]
    """
    text = text.str.strip()
    value = pd.to_numeric(text, errors="coerce").astype("float64")
    rest = value.isna() & (text != "")
    if rest.any():
        value[rest] = pd.to_numeric(_simplify(text[rest]), errors="coerce")
    return value.mask(text.str.fullmatch(UNCLEAR).astype(bool))


def _simplify(text: pd.Series) -> pd.Series:
    """Write amounts with a point for decimals and no other mark; empty if they are unclear."""
    plain = (
        text.str.replace("[\u00a0\u2009\u202f]", " ", regex=True)
        .str.replace("\u2212", "-")
        .str.replace("\u2019", "'")
    )
    currency = plain.str.extract(f"({CURRENCY})", expand=False).dropna().unique()
    if len(currency) > 1:
        raise UserError(
            f"The column {text.name!r} has amounts of several currencies "
            f"({', '.join(sorted(currency))}). Convert them to one before you deliver."
        )
    plain = plain.str.replace(CURRENCY, "", n=1, regex=True).str.replace(" +$|^ +", "", regex=True)
    plain = plain.str.replace(r"^\((.+)\)$", r"-\1", regex=True)
    plain = plain.str.replace(r"^- +", "-", regex=True)
    comma_decimals = plain.str.fullmatch(f"{DECIMAL_COMMA}|{DOT_THOUSANDS}").astype(bool)
    comma_thousands = plain.str.fullmatch(COMMA_THOUSANDS).astype(bool)
    spaced = plain.str.fullmatch(SPACE_THOUSANDS).astype(bool)
    clear = plain.str.fullmatch(r"-?\d+(?:\.\d+)?").astype(bool)
    clear &= ~plain.str.fullmatch(UNCLEAR).astype(bool)
    simple = plain.where(clear, "")
    simple = simple.mask(comma_thousands, plain.str.replace(",", ""))
    european = plain.str.replace(".", "").str.replace(",", ".")
    simple = simple.mask(comma_decimals, european)
    no_spaces = plain.str.replace(r"[ ']", "", regex=True).str.replace(",", ".")
    return simple.mask(spaced, no_spaces)
