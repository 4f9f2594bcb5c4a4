"""Check of E35: vetoes, and decisions by intervals."""

from fraudops.exercises import Misconception, Probe


def observe(function, money, groups):
    decision, vetoes = function(money, groups)
    return {"decision": decision, "vetoes": list(vetoes)}


def make_probes(random):
    names = [str(one) for one in random.permutation(["online", "travel", "young", "rural"])]
    gain = int(random.integers(40, 90))
    sure, lucky, bad = (gain, gain - 30, gain + 30), (gain, gain - 150, gain + 150), (-60, -90, -30)
    fine, unsure, harmed = (12, 2, 22), (-3, -9, 5), (-9, -14, -4)
    return [
        Probe((sure, {names[0]: fine, names[1]: fine}), "a sure gain", observe),
        Probe((sure, {names[0]: fine, names[1]: harmed}), "one group", observe),
        Probe((sure, {names[0]: unsure, names[1]: fine}), "another group", observe),
        Probe((lucky, {names[0]: fine}), "a short trial", observe),
        Probe((bad, {names[0]: (90, 80, 100)}), "a loss", observe),
    ]


def judge(money, groups, is_veto=lambda one: one[2] < 0, is_gain=lambda one: one[1] > 0):
    vetoes = sorted(name for name, one in groups.items() if is_veto(one))
    if vetoes or money[2] < 0:
        return "refuse", vetoes
    return ("promote" if is_gain(money) else "wait"), []


def answer(money, groups):
    return judge(money, groups)


def add_up(money, groups):
    total = money[0] + sum(one[0] for one in groups.values())
    return ("promote" if total > 0 else "refuse"), []


MISCONCEPTIONS = (
    Misconception(
        "adds_up",
        "You add the gains, so a good result pays for a bad one. Each gate has a veto.",
        add_up,
    ),
    Misconception(
        "refuses_chance",
        "A group with a small loss inside its uncertainty is no evidence of harm. A gate "
        "that refuses what chance explains refuses everything.",
        lambda money, groups: judge(money, groups, is_veto=lambda one: one[0] < 0),
    ),
    Misconception(
        "promotes_luck",
        "The gain is positive, but its interval contains zero. Wait for more days before "
        "you promote.",
        lambda money, groups: judge(money, groups, is_gain=lambda one: one[0] > 0),
    ),
    Misconception(
        "ignores_groups",
        "The total hides a group that surely loses. That is what the vetoes are for.",
        lambda money, groups: judge(money, {}),
    ),
)
