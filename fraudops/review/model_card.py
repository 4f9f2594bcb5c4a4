"""The model card: what a model is for, how it was trained, and how well it decided."""

import re
from importlib.resources import files

import jinja2

# signs that Markdown, HTML in Markdown or a table of it would act on
_MARKDOWN_SIGNS = re.compile(r"[\\`*_{}\[\]<>()#!|~&^]")
_LINE_BREAKS = re.compile(r"[\s\x00-\x1f\x7f\x85\u2028\u2029]+")


def escape_markdown(text: object) -> str:
    """Escape a text from data for a line of Markdown: it is shown as it is and does nothing.

    A dollar sign becomes the wide one (U+FF04), because not every renderer leaves an escaped one
    alone: between two of them it reads a formula, and a formula may hold a link with a script.

    Parameters
    ----------
    text : object
        Converted to a string. Each run of white space and line breaks becomes one space.

    Returns
    -------
    str

    Examples
    --------
    >>> escape_markdown("a|b <img>")
    'a\\\\|b \\\\<img\\\\>'
    """
    line = _LINE_BREAKS.sub(" ", str(text)).replace("$", "\uff04")
    return _MARKDOWN_SIGNS.sub(r"\\\g<0>", line)


def render_model_card(facts: dict) -> str:
    """Render the model card as Markdown; texts from data are escaped.

    Parameters
    ----------
    facts : dict
        The values that ``model_card.md.j2`` names; notebook 5_1 collects them.

    Returns
    -------
    str

    Raises
    ------
    jinja2.UndefinedError
        If a value is missing.
    """
    text = files("fraudops.review").joinpath("model_card.md.j2").read_text(encoding="utf-8")
    options = {"undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    # a Markdown page: the filter below escapes
    environment = jinja2.Environment(autoescape=False, **options)  # noqa: S701
    environment.filters["plain"] = escape_markdown
    return environment.from_string(text).render(facts)
