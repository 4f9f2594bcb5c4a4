"""Text in CSV files that people open in a spreadsheet: no cell may be taken for a formula."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")


def escape_formula(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula.

    A text that begins with an apostrophe gets one too, so that `unescape_formula` is exact.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Notes
    -----
    The characters are those of OWASP's page on CSV injection.

    Examples
    --------
    >>> escape_formula("=1+1"), escape_formula("food")
    ("'=1+1", 'food')
    """
    return "'" + text if text.startswith(FORMULA_STARTS) else text


def unescape_formula(text: str) -> str:
    """Undo `escape_formula`.

    Examples
    --------
    >>> unescape_formula("'=1+1")
    '=1+1'
    """
    return text.removeprefix("'")


def build_escape_sql(column: str) -> str:
    """Build `escape_formula` in DuckDB's SQL, over a column of text."""
    starts = ", ".join(f"chr({ord(sign)})" for sign in FORMULA_STARTS)
    return f"CASE WHEN left({column}, 1) IN ({starts}) THEN chr(39) || {column} ELSE {column} END"
