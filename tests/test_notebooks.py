"""The rules of the house for notebooks."""

import json
import re
from pathlib import Path

from fraudops.pipeline import GRAPH, get_notebook_path, sort_nodes


def test_notebooks_keep_the_house_rules():
    for name in sort_nodes():
        cells = json.loads(Path(get_notebook_path(GRAPH[name])).read_text(encoding="utf-8"))[
            "cells"
        ]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        lines = [
            len([line for line in "".join(cell["source"]).splitlines() if line.strip()])
            for cell in code
        ]
        parameters = [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
        assert len(parameters) == 1, name
        assert max(lines) <= 25 and sorted(lines)[len(lines) // 2] <= 5, (name, lines)
        assert len(cells) - len(code) >= len(code), name
        for cell in code:
            text = "".join(cell["source"])
            assert not re.search(
                r"^\s*[%!]|sys\.path|['\"]/(home|root|work|tmp|Users)", text, re.M
            ), (name, text)
            assert not cell["outputs"] or text.startswith("# NBVAL_CHECK_OUTPUT"), (name, text)
            assert not cell["outputs"] or cell["execution_count"], (
                name,
                "nbval takes it for a cell that never ran",
                text,
            )
