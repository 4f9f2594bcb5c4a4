"""The model card has the sections of Mitchell and others (2019)."""

import re
from importlib.resources import files


def test_the_card_has_the_sections_of_the_paper():
    text = files("fraudops.review").joinpath("model_card.md.j2").read_text(encoding="utf-8")
    sections = " ".join(re.findall(r"^## (.+)$", text, re.MULTILINE)).lower()
    for wanted in (
        "model details",
        "intended use",
        "factors",
        "metrics",
        "evaluation data",
        "training data",
        "ethical considerations",
        "recommendations",
    ):
        assert wanted in sections, wanted
    assert "### By {{ title | plain }}" in text  # quantitative analyses, for each factor
    assert "**Users:**" in text and "**Not for:**" in text
