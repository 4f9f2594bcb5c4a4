"""The page's HTML and CSS templates."""

from functools import cache
from importlib.resources import files

import jinja2


@cache
def load_template(name: str) -> jinja2.Template:
    """A page part that lies beside the library; what is put into HTML is escaped."""
    text = files("fraudops.audit_app").joinpath(name).read_text(encoding="utf-8")
    options = {"undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    return jinja2.Environment(autoescape=".html" in name, **options).from_string(text)
