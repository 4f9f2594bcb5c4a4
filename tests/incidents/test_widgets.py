"""The page of widgets does the same as the command line."""

import pytest

from fraudops.incidents import PagerSession, pager_widgets


@pytest.mark.usefixtures("every_student_has_the_small_world")
def test_the_desk_carries_out_commands_and_shows_errors(tmp_path):
    session = PagerSession("ada", tmp_path)
    desk = pager_widgets._make_desk(session)
    morning, _, row, answer, _ = desk.children
    command, do, end = row.children
    end.click()
    assert session.game.day == 1 and "Morning of day 2" in morning.value
    command.value = "<b>fly"
    do.click()
    assert "&lt;b&gt;fly" in answer.value and "<b>" not in answer.value


@pytest.mark.usefixtures("every_student_has_the_small_world")
def test_the_desk_offers_the_first_open_alarm_and_keeps_a_choice(tmp_path):
    session = PagerSession("ada", tmp_path)
    desk = pager_widgets._make_desk(session)
    alarm, cause, acknowledge = desk.children[1].children
    command, do, end = desk.children[2].children
    while len([one for one in session.game.alarms if not one.answer]) < 2:
        end.click()
    first, second = alarm.options[:2]
    assert alarm.value == first
    alarm.value, command.value = second, "look data"
    do.click()
    assert alarm.value == second
    assert cause.value is None and acknowledge.disabled
    cause.value = "season"
    assert not acknowledge.disabled
    acknowledge.click()
    assert second not in alarm.options and alarm.value == first
    assert cause.value is None and acknowledge.disabled
