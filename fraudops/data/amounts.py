"""Parse amounts of money as people and programs write them; what is unclear is not read."""

import sys
import unicodedata

import pandas as pd

# not every engine of regular expressions knows the class of these signs
SIGNS = "".join(one for one in map(chr, range(sys.maxunicode)) if unicodedata.category(one) == "Sc")
CODES = (
    "USD|EUR|GBP|CHF|THB|JPY|INR|CNY|HKD|TWD|KRW|SGD|MYR|IDR|PHP|VND|AUD|NZD|CAD|MXN|BRL|ARS|CLP|"
    "COP|PEN|SEK|NOK|DKK|ISK|PLN|CZK|HUF|RON|BGN|UAH|RUB|TRY|ILS|AED|SAR|QAR|EGP|NGN|KES|ZAR|PKR|"
    "BDT|LKR|KZT|GEL"
)
WORDS = r"kr[.]?|zł|Kč|Ft|S?Fr[.]|Rs[.]?|RM|Rp[.]?|บาท|руб[.]?"
CURRENCY = rf"(?:US|HK|NZ|MX|[ACRS])?\$|[{SIGNS.replace('$', '')}]|(?:{CODES})|(?:{WORDS})"
CURRENCY_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "THB": "฿", "JPY": "¥", "INR": "₹"}
CURRENCY_SIGNS |= {"US$": "$", "บาท": "฿", "kr.": "kr"}
CURRENCY_SIGNS |= {"PLN": "zł", "CZK": "Kč", "HUF": "Ft", "BRL": "R$", "Fr.": "CHF", "SFr.": "CHF"}
CURRENCY_SIGNS |= {"KRW": "₩", "RUB": "₽", "TRY": "₺", "UAH": "₴", "ILS": "₪", "VND": "₫"}
CURRENCY_SIGNS |= {"NGN": "₦", "PHP": "₱", "руб": "₽", "руб.": "₽", "Rs": "Rs.", "Rp": "Rp."}
UNCLEAR = r"-?\d{1,3}[.,]\d{3}"  # 1.025 is 1,025 in half of the world
DECIMAL_COMMA = r"-?\d+,\d{1,2}"
COMMA_THOUSANDS = r"-?\d{1,3}(?:,\d{3})+\.\d{1,2}|-?\d{1,3}(?:,\d{3}){2,}"
DOT_THOUSANDS = r"-?\d{1,3}(?:\.\d{3})+,\d{1,2}|-?\d{1,3}(?:\.\d{3}){2,}"
SPACE_THOUSANDS = r"-?\d{1,3}(?:[ ']\d{3})+(?:[.,]\d{1,2})?"


def find_currencies(text: pd.Series) -> list[str]:
    """Find the currency signs of amounts; EUR is the same as €.

    Examples
    --------
    >>> find_currencies(pd.Series(["$1.50", "EUR 3", "€3", "2.00"]))
    ['$', '€']
    """
    signs = text[pd.to_numeric(text, errors="coerce").isna()]
    found = signs.str.extract(f"({CURRENCY})", expand=False).dropna().unique().tolist()
    return list(dict.fromkeys(CURRENCY_SIGNS.get(one, one) for one in found))


def parse_amounts(text: pd.Series, decimal_mark: str = "") -> pd.Series:
    """Parse amounts of money.

    Parameters
    ----------
    text : Series of str
        With marks for thousands and decimals of any country, a currency sign, and brackets for a
        negative amount.
    decimal_mark : str, optional
        ``.`` or ``,`` if it is known.

    Returns
    -------
    Series of float
        NaN where there is no number, or where it has two readings, as 1.025 and 1,025 have if the
        decimal mark is unknown.

    Examples
    --------
    >>> amounts = pd.Series(["12,5", "1.025,50", "$1,025.50", "(3.00)", "1.025"])
    >>> parse_amounts(amounts).tolist()
    [12.5, 1025.5, 1025.5, -3.0, nan]
    >>> parse_amounts(amounts, decimal_mark=",").tolist()
    [12.5, 1025.5, nan, nan, 1025.0]
    """
    text = text.str.strip()
    if decimal_mark:
        return pd.to_numeric(_read_with_mark(_strip_signs(text), decimal_mark), errors="coerce")
    value = pd.to_numeric(text, errors="coerce").astype("float64")
    rest = value.isna() & (text != "")
    if rest.any():
        value[rest] = pd.to_numeric(_simplify(_strip_signs(text[rest])), errors="coerce")
    return value.mask(text.str.fullmatch(UNCLEAR).astype(bool))


def _read_with_mark(plain: pd.Series, decimal_mark: str) -> pd.Series:
    """Write amounts with a point for decimals; empty if a mark stands in a wrong place."""
    decimal = "[.]" if decimal_mark == "." else ","
    thousands = "[, ']" if decimal_mark == "." else "[. ']"
    good = rf"-?(?:\d+|\d{{1,3}}(?:{thousands}\d{{3}})+)(?:{decimal}\d+)?"
    fits = plain.str.fullmatch(good).astype(bool)
    simple = plain.str.replace(thousands, "", regex=True).str.replace(decimal_mark, ".")
    return simple.where(fits, "")


def _strip_signs(text: pd.Series) -> pd.Series:
    """Leave out a currency sign and spaces around it; write brackets as a minus."""
    plain = (
        text.str.replace("[\u00a0\u2009\u202f]", " ", regex=True)
        .str.replace("\u2212", "-")
        .str.replace("\u2019", "'")
    )
    plain = plain.str.replace(CURRENCY, "", n=1, regex=True).str.replace(" +$|^ +", "", regex=True)
    plain = plain.str.replace(r"^\((.+)\)$", r"-\1", regex=True)
    return plain.str.replace(r"^- +", "-", regex=True)


def _simplify(plain: pd.Series) -> pd.Series:
    """Write amounts with a point for decimals and no other mark; empty if they are unclear."""
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
