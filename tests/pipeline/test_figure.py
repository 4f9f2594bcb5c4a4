"""The figure of the chain, and what it says in an opened notebook."""

from fraudops.pipeline import figure, plot_pipeline
from fraudops.workspace import write_json


def test_an_opened_notebook_says_what_the_last_run_was_given(workspace, monkeypatch, capsys):
    monkeypatch.setenv("FRAUDOPS_WORKSPACE", str(workspace.root))
    given = {"parameters": {"profile": "smoke", "seed": 8}}
    write_json(workspace.path("state", "1_1_ingest.json"), given)
    plot_pipeline("1_1_ingest")
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(figure, "is_opened_notebook", lambda: True)
    plot_pipeline("1_2_features")
    assert capsys.readouterr().out == ""
    plot_pipeline("1_1_ingest")
    assert "profile = 'smoke', seed = 8" in capsys.readouterr().out
