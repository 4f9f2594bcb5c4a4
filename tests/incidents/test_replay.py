"""The event log: a game goes on where it stopped, and a changed log is not verified."""

import io
import json
import re

import pytest

from fraudops.errors import UserError
from fraudops.incidents import EventLog, PagerSession, rank_games, replay_log, run_pager_command
from fraudops.incidents.pager_page import write_pager_page
from fraudops.incidents.schedule import PAGER_DAYS

pytestmark = pytest.mark.usefixtures("every_student_has_the_small_world")


@pytest.fixture(scope="module")
def finished(small_world, tmp_path_factory):
    """The log of a finished game, with one action."""
    patch, folder = pytest.MonkeyPatch(), tmp_path_factory.mktemp("pager")
    patch.setattr("fraudops.incidents.pager_world.PagerWorld.build", lambda _seed: small_world)
    session = PagerSession("ada", folder)
    session.do("call platform")
    for _ in range(PAGER_DAYS):
        session.do("end")
    patch.undo()
    return session


def rechain(lines: list[str], change) -> list[str]:
    """Write a log anew with a right chain, as a forger does."""
    log = EventLog()
    for line in lines:
        body = json.loads(json.loads(line)["body"])
        change(body)
        log.append(body["day"], body["event"], **body["payload"])
    return [json.dumps(one) for one in log.entries]


def test_a_game_goes_on_where_it_stopped(tmp_path):
    first = PagerSession("bo", tmp_path)
    for command in ("look data", "end", "reviewers 3", "end"):
        first.do(command)
    again = PagerSession("bo", tmp_path)
    assert again.game.log.entries == first.game.log.entries
    assert (again.game.day, again.game.hours) == (2, first.game.hours)
    with pytest.raises(UserError, match="day 3 of 21"):
        again.write_page()


def test_a_finished_game_is_verified_with_its_score(finished):
    game, score = replay_log(EventLog.load(finished.path))
    assert score == finished.score and game.log.head == finished.game.log.head
    assert score.false_actions == 1
    assert run_pager_command(["verify", str(finished.path)]) == 0


def test_the_page_has_the_four_players_and_a_description(games, tmp_path):
    write_pager_page(games, tmp_path / "ada.html")
    text = (tmp_path / "ada.html").read_text(encoding="utf-8")
    for player in ("you", "nobody", "always retrain", "the loop"):
        assert f'<th scope="row">{player}</th>' in text
    assert 'role="img" aria-label="Euros saved at the end: ' in text
    assert games["you"].log.head in text
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", text.replace("xlink:href", "href"))


def add_points(body):
    if body["event"] == "result":
        body["payload"]["total"] = 100.0


def lower_a_cost(body):
    if body["event"] == "day" and body["day"] == 3:
        body["payload"]["cost_cents"] = 0


def take_another_student(body):
    if body["event"] == "start":
        body["payload"]["student"] = "eve"


def invent_a_command(body):
    if body["event"] == "command" and body["day"] == 0:
        body["payload"]["text"] = "win"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (add_points, "Event .* differs"),
        (lower_a_cost, "Event .* differs"),
        (take_another_student, "Event 1 differs"),
        (invent_a_command, "cannot be played again"),
    ],
)
def test_a_forged_log_is_not_verified(finished, tmp_path, change, says):
    lines = finished.path.read_text(encoding="utf-8").splitlines()
    forged = tmp_path / "ada.jsonl"
    forged.write_text("\n".join(rechain(lines, change)) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=says):
        replay_log(EventLog.load(forged))


def test_an_edited_line_breaks_the_chain_and_a_cut_log_is_not_over(finished, tmp_path):
    lines = finished.path.read_text(encoding="utf-8").splitlines()
    edited = tmp_path / "edited.jsonl"
    edited.write_text("\n".join([lines[0].replace("ada", "eve"), *lines[1:]]), encoding="utf-8")
    with pytest.raises(UserError, match="event 1 was changed"):
        EventLog.load(edited)
    edited.write_text("\n".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(UserError, match=f"{len(lines) - 1} events, not {len(lines)}"):
        replay_log(EventLog.load(edited))
    edited.write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match="no event log"):
        EventLog.load(edited)


def test_the_table_of_a_class_marks_what_is_not_verified(finished, tmp_path, capsys):
    lines = finished.path.read_text(encoding="utf-8").splitlines()
    (tmp_path / "ada.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "=eve.jsonl").write_text("\n".join(rechain(lines, add_points)), encoding="utf-8")
    PagerSession("bo", tmp_path).do("end")
    table = rank_games(tmp_path).set_index("file")
    assert table.loc["ada.jsonl", "place"] == 1
    assert table.loc["ada.jsonl", "state"].startswith("verified, head")
    assert table.loc["bo.jsonl", "state"] == "verified, at day 2 of 21"
    assert table.loc["=eve.jsonl", "state"].startswith("not verified: Event")
    assert table["total"].notna().sum() == 1
    assert run_pager_command(["rank", str(tmp_path), "--csv", str(tmp_path / "rank.csv")]) == 0
    assert "'=eve" in (tmp_path / "rank.csv").read_text(encoding="utf-8")
    assert run_pager_command(["verify", str(tmp_path / "=eve.jsonl")]) == 1
    assert run_pager_command(["rank", str(tmp_path / "nothing")]) == 2
    assert "no event log" in capsys.readouterr().err


def test_the_command_plays_from_a_pipe(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("look data\nfly\n\nend\n"))
    assert run_pager_command(["--student", "cy", "--folder", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "Morning of day 2 of 21" in text and "'fly' is no command" in text
    assert run_pager_command(["--student", "no such id!"]) == 2
