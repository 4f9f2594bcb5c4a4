"""Lessons stop the course's world, and only inform about other data."""

import pytest

from fraudops.pipeline.report import _load_lessons
from fraudops.workspace import Workspace


@pytest.mark.parametrize("source", ["simulate", "csv"])
def test_a_lesson_stops_the_simulated_world_only(tmp_path, capsys, source):
    workspace = Workspace.find(tmp_path)
    workspace.write_json("data/dataset.json", {"source": source})
    workspace.check_lessons("2_1_data_quality", {"cents are noticed": True})
    assert _load_lessons(workspace, "2_1_data_quality") == []
    lessons = {"cents are noticed": False, "faults are noticed": True}
    if source == "simulate":
        with pytest.raises(AssertionError, match="does not hold: cents are noticed"):
            workspace.check_lessons("2_1_data_quality", lessons)
    else:
        workspace.check_lessons("2_1_data_quality", lessons)
        assert "it is not so that cents are noticed" in capsys.readouterr().out
    assert _load_lessons(workspace, "2_1_data_quality") == ["cents are noticed"]
    assert _load_lessons(workspace, "2_2_drift_monitor") == []
