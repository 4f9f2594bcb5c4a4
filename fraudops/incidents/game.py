"""The pager week: twenty-one days, a day at a time, by commands of one line.

Everything follows from the student's id and the commands. So a game is its list of commands, and
whoever has the event log can play it again.
"""

import shlex
from collections.abc import Callable

from fraudops.errors import UserError
from fraudops.exercises import check_student, compute_student_seed
from fraudops.incidents.alarms import Alarm, raise_alarms
from fraudops.incidents.event_log import EventLog
from fraudops.incidents.evidence import LOOKS, describe_gates
from fraudops.incidents.operation import TEAM_CAPACITY, Operation, operate_day
from fraudops.incidents.pager_world import PagerWorld
from fraudops.incidents.schedule import CAUSES, PAGER_DAYS
from fraudops.models import DecisionPolicy
from fraudops.timeline import DAY

BUDGET_HOURS, BUDGET_CENTS = 30.0, 300_000
# action: hours, cents
PRICES = {
    "look": (1.0, 0),
    "ack": (0.25, 0),
    "hold": (2.0, 10_000),
    "retrain": (2.0, 15_000),
    "promote": (0.5, 0),
    "rollback": (0.5, 0),
    "costs": (0.5, 0),
    "reviewers": (1.0, 0),
    "call": (1.0, 20_000),
}
REVIEWER_DAYS, REVIEWER_CENTS, MAX_EXTRA_REVIEWS = 3, 100, 30
HELP = """\
page                       show the page of this morning again
look data|drift|labels|service|record|reviews      find evidence (1 h)
look V                     test version V, such as v2, with the gates (1 h)
ack ALARM CAUSE            acknowledge an alarm and record its cause (0.25 h)
hold                       hold the broken days and have them delivered again (2 h, 100 €)
retrain                    train a new version on what is known now (2 h, 150 €)
promote V                  make version V the champion (0.5 h)
rollback                   make the champion of before the champion again (0.5 h)
costs REVIEW GOODWILL      set what a review and a lost honest customer cost, in €;
                           at the start 3 and 30 (0.5 h)
reviewers N                N more reviews a day, for 3 days (1 h, and 1 € for each a day)
call platform|security     call the team for the service, or the one for insiders (1 h, 200 €)
end                        end this day

Causes: {causes}. To do nothing is also an answer."""


class PagerGame:
    """A game of one student.

    Parameters
    ----------
    student : str
        Letters, digits and ``. _ - @``; it sets the seed.
    world : PagerWorld, optional
        That of the student, if it is built already.

    Attributes
    ----------
    day : int
        From 0; `PAGER_DAYS` after the last.
    hours, cents : float, int
        What is left of the budget.
    actions : list of dict
        ``day``, ``command`` and ``right``; only the score reads the last.
    """

    def __init__(self, student: str, world: PagerWorld | None = None):
        if not check_student(student):
            raise UserError("Say who you are: `fraudops pager --student ID`.")
        self.student = student
        self.world = world or PagerWorld.build(compute_student_seed(student))
        self.operation = Operation({"v1": self.world.first_champion}, {"v1": 0})
        self.day, self.hours, self.cents = 0, BUDGET_HOURS, BUDGET_CENTS
        self.alarms: list[Alarm] = []
        self.actions: list[dict] = []
        self.days: list[dict] = []
        self.log = EventLog()
        self.log.append(0, "start", student=student, seed=compute_student_seed(student))
        self._begin_day()

    @property
    def is_over(self) -> bool:
        """Whether all days are played."""
        return self.day >= PAGER_DAYS

    def do(self, command: str) -> str:
        """Carry out a command.

        Parameters
        ----------
        command : str
            See `HELP`.

        Returns
        -------
        str
            The answer.

        Raises
        ------
        UserError
            If it is no command, or the budget does not suffice. Then nothing has changed.
        """
        try:
            name, *words = shlex.split(command)
        except ValueError:
            name, words = "", []
        if name == "help" and not words:
            return HELP.format(causes=", ".join(CAUSES))
        if name == "page" and not words:
            return self.describe_morning()
        if self.is_over:
            raise UserError("The three weeks are over.")
        if name == "end" and not words:
            self.log.append(self.day, "command", text="end")
            return self._end_day()
        if name not in PRICES:
            raise UserError(f"{command!r} is no command. `help` lists all.")
        perform, more_cents = self._prepare(name, words)
        hours, cents = PRICES[name][0], PRICES[name][1] + more_cents
        if hours > self.hours or cents > self.cents:
            raise UserError(
                f"{command} needs {hours:g} h and {cents / 100:.0f} €. You have {self.hours:g} h "
                f"and {self.cents / 100:.0f} € left."
            )
        answer, right = perform()
        self.hours, self.cents = self.hours - hours, self.cents - cents
        text = " ".join([name, *words])
        self.log.append(self.day, "command", text=text)
        if name not in ("look", "ack"):
            self.actions.append({"day": self.day, "command": text, "right": right})
        return f"{answer}\n({self.hours:g} h and {self.cents / 100:.0f} € left)"

    def describe_morning(self, full: bool = True) -> str:
        """Describe the morning: the day before, what is open, the budget.

        Parameters
        ----------
        full : bool, optional
            With the text of earlier alarms that are not acknowledged.

        Returns
        -------
        str
        """
        if self.is_over:
            return "The three weeks are over."
        operation, capacity = self.operation, TEAM_CAPACITY
        extra = operation.extra_reviews if self.day < operation.extra_until else 0
        lines = [
            f"Morning of day {self.day + 1} of {PAGER_DAYS}. Champion: {operation.champion}. The "
            f"team can do {capacity + extra} reviews. Left: {self.hours:g} h, "
            f"{self.cents / 100:.0f} €."
        ]
        if self.days:
            last, now = self.days[-1], self.world.get_start(self.day)
            arrived = self.world.labels["label_ts"].between(now - DAY, now, "left").sum()
            lines.append(
                f"Yesterday: {last['transactions']} transactions, {last['reviews']} reviews, "
                f"{last['found']} of them called fraud, {last['blocked']} blocked. "
                f"{arrived} fraud reports came in."
            )
        is_open = [one for one in self.alarms if not one.answer]
        for alarm in is_open:
            if full or alarm.day == self.day:
                lines.append(f"[{alarm.id}] {alarm.sender}: {alarm.text}")
        older = [f"{one.id} ({one.sender})" for one in is_open if one.day < self.day]
        if older and not full:
            lines.append(f"Not acknowledged yet: {', '.join(older)}. `page` shows them.")
        return "\n".join(lines)

    def _begin_day(self) -> None:
        new = raise_alarms(self.world, self.operation, self.day, self.alarms)
        self.alarms += new
        for alarm in new:
            self.log.append(self.day, "alarm", id=alarm.id, sender=alarm.sender, text=alarm.text)

    def _end_day(self) -> str:
        result = operate_day(self.world, self.operation, self.day)
        self.days.append(result)
        self.log.append(self.day, "day", **result)
        self.day += 1
        if not self.is_over:
            self._begin_day()
        return self.describe_morning(full=False)

    def _prepare(
        self, name: str, words: list[str]
    ) -> tuple[Callable[[], tuple[str, bool | None]], int]:
        """Check the words of a command; give what carries it out, and what it costs more."""
        operation = self.operation
        if name == "look" and len(words) == 1 and words[0] in LOOKS:
            return lambda: (LOOKS[words[0]](self.world, operation, self.day), None), 0
        if name == "look" and len(words) == 1 and words[0] in operation.models:
            return lambda: (describe_gates(self.world, operation, words[0], self.day), None), 0
        if name == "ack" and len(words) == 2:
            alarm = next((one for one in self.alarms if one.id == words[0].upper()), None)
            if alarm is None:
                raise UserError(f"There is no alarm {words[0]!r}. `page` lists the alarms.")
            if words[1] not in CAUSES:
                raise UserError(f"There is no cause {words[1]!r}: choose from {', '.join(CAUSES)}.")
            if alarm.answer:
                raise UserError(f"{alarm.id} is acknowledged already: {alarm.answer}.")
            return lambda: self._acknowledge(alarm, words[1]), 0
        if name in ("hold", "retrain", "rollback") and not words:
            if name == "rollback" and not operation.previous:
                raise UserError("There is no champion of before.")
            return {"hold": self._hold, "retrain": self._retrain, "rollback": self._roll_back}[
                name
            ], 0
        if name == "promote" and len(words) == 1:
            if words[0] not in operation.models or words[0] == operation.champion:
                known = ", ".join(one for one in operation.models if one != operation.champion)
                raise UserError(f"{words[0]!r} cannot be promoted. Versions: {known or 'none'}.")
            return lambda: self._promote(words[0]), 0
        if name == "costs" and len(words) == 2:
            review, goodwill = (_read_number(word, 0, 10_000) for word in words)
            policy = DecisionPolicy(round(100 * review), round(100 * goodwill))
            return lambda: self._set_costs(policy), 0
        if name == "reviewers" and len(words) == 1:
            count = int(_read_number(words[0], 1, MAX_EXTRA_REVIEWS))
            cents = count * REVIEWER_DAYS * REVIEWER_CENTS
            return lambda: self._call_reviewers(count), cents
        if name == "call" and words in (["platform"], ["security"]):
            kind = "service-fault" if words == ["platform"] else "insider"
            return lambda: self._call(words[0], kind), 0
        raise UserError(f"{name!r} is used in another way. `help` shows how.")

    def _acknowledge(self, alarm: Alarm, cause: str) -> tuple[str, None]:
        alarm.answer, alarm.answered = cause, self.day
        return f"{alarm.id} is acknowledged: {cause}.", None

    def _solve(self, kind: str) -> bool:
        """Note the remedy of an incident; False if there is nothing to remedy."""
        if self.world.incidents[kind].onset > self.day or kind in self.operation.solved:
            return False
        if self.world.incidents[kind].is_active(self.day):
            self.operation.solved[kind] = self.day
        return True

    def _hold(self) -> tuple[str, bool]:
        if self.operation.is_data_held:
            raise UserError("The broken days are held already.")
        if self.world.incidents["broken-data"].onset > self.day:
            return "The provider checks the last days and finds nothing to deliver again.", False
        self._solve("broken-data")
        self.operation.is_data_held = True
        return "The provider delivers the broken days again. New days are sound.", True

    def _retrain(self) -> tuple[str, bool]:
        version = self.operation.add_model(self.world, "training", self.day)
        right = self.world.incidents["new-fraud"].onset < self.day
        return f"{version} is trained on what is known this morning. It is no champion yet.", right

    def _promote(self, version: str) -> tuple[str, bool]:
        world, operation = self.world, self.operation
        is_bad = version in operation.bad_versions
        self._leave_night_model()
        operation.set_champion(version)
        wave = world.incidents["new-fraud"]
        if not is_bad and operation.trained[version] > world.get_start(wave.onset):
            self._solve("new-fraud")
        return f"{version} is the champion.", not is_bad

    def _leave_night_model(self) -> bool:
        """Whether the champion was the insider's model; then that incident has its remedy."""
        is_night = self.operation.champion == self.operation.night_version
        return is_night and self._solve("insider")

    def _roll_back(self) -> tuple[str, bool]:
        operation = self.operation
        was_bad = operation.champion in operation.bad_versions
        right = self._leave_night_model() or was_bad
        operation.set_champion(operation.previous)
        return f"{operation.champion} is the champion again.", right

    def _set_costs(self, policy: DecisionPolicy) -> tuple[str, bool]:
        self.operation.policy = policy
        season, default = self.world.incidents["season"], DecisionPolicy()
        is_season = season.is_active(self.day)
        right = policy.goodwill > default.goodwill if is_season else policy == default
        if is_season and right:
            self._solve("season")
        texts = f"{policy.review / 100:g} € for a review, {policy.goodwill / 100:g} € of goodwill"
        return f"Decisions count with {texts}.", right and policy.review == default.review

    def _call_reviewers(self, count: int) -> tuple[str, bool]:
        operation = self.operation
        operation.extra_reviews, operation.extra_until = count, self.day + REVIEWER_DAYS
        wave = self.world.incidents["new-fraud"]
        self._solve("new-fraud")
        return f"{count} more reviews a day, for {REVIEWER_DAYS} days.", wave.onset <= self.day

    def _call(self, team: str, kind: str) -> tuple[str, bool]:
        incident = self.world.incidents[kind]
        is_theirs = f"call {team}" in incident.remedies
        if is_theirs and incident.is_active(self.day) and self._solve(kind):
            return f"The {team} team finds the fault and ends it.", True
        if kind == "insider" and not is_theirs and incident.onset <= self.day:
            return "Security locks the account. The alias is still where it is.", True
        return f"The {team} team finds nothing.", False


def _read_number(word: str, low: float, high: float) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise UserError(f"{word!r} is no number from {low:g} to {high:g}.")
    return value
