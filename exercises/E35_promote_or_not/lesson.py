# ---
# title: Promote, wait, or refuse?
# level: 3
# minutes: 25
# notebook: 4_3_gates
# section: How sure is a gate?
# function: judge_challenger
# ---
# %% [markdown]
# A challenger has been on trial. There is an interval for its gain in money, and one for each
# group of customers that the total might hide. You decide, and you must defend the decision
# to the owner of the smallest group.
#
# Write `judge_challenger(money, groups)`. `money` is a triple `(gain, low, high)` in euros a
# day. `groups` is a dictionary from a group to such a triple. Use these rules:
#
# - A group that surely loses (its whole interval is below zero) is a veto: `"refuse"`.
# - A challenger that surely loses money is refused too.
# - It is promoted if it surely gains money (the whole interval is above zero).
# - Otherwise nothing is sure yet: `"wait"`.
#
# Return a pair: the decision, and the sorted list of the groups with a veto.
# %% tags=["starter"]
Interval = tuple[float, float, float]


def judge_challenger(money: Interval, groups: dict[str, Interval]) -> tuple[str, list[str]]:
    total = money[0] + sum(gain for gain, _, _ in groups.values())
    return ("promote" if total > 0 else "refuse"), []


# %% tags=["solution"]
Interval = tuple[float, float, float]


def judge_challenger(money: Interval, groups: dict[str, Interval]) -> tuple[str, list[str]]:
    vetoes = sorted(name for name, (_, _, high) in groups.items() if high < 0)
    _, low, high = money
    if vetoes or high < 0:
        return "refuse", vetoes
    return ("promote" if low > 0 else "wait"), []


# %% [markdown] tags=["hint"]
# May a large gain in one group pay for a sure loss in another? The rules say no.
# %% [markdown] tags=["hint"]
# A group with the interval from −5 to 3: does it surely lose? If you refuse this, what can
# ever pass?
# %% [markdown] tags=["hint"]
# A veto: `high < 0` of a group. Money: `low > 0` promotes, `high < 0` refuses, everything
# else waits.
