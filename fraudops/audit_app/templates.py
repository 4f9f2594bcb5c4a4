"""The page's HTML and CSS templates."""

from functools import cache
from importlib.resources import files

import jinja2


@cache
def load_template(name: str) -> jinja2.Template:
    """Load a template of the page; values are escaped."""
    text = files("fraudops.audit_app").joinpath(name).read_text(encoding="utf-8")
    options = {"undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    return jinja2.Environment(autoescape=name.endswith(".html.j2"), **options).from_string(text)
