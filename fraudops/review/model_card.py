"""The model card: what a model is for, how it was trained, and how well it decided."""

from importlib.resources import files

import jinja2


def render_model_card(facts: dict) -> str:
    """Render the model card as Markdown.

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
    return jinja2.Environment(autoescape=False, **options).from_string(text).render(facts)
