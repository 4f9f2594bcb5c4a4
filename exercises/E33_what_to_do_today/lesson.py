# ---
# title: What do you do today?
# level: 3
# minutes: 25
# notebook: 2_2_drift_monitor
# section: The verdict and its alert
# function: choose_action
# ---
# %% [markdown]
# A day has ended, and the monitor has looked at it. You decide what happens: `"fix data"`,
# `"retrain"` or `"nothing"`. You must defend the decision, so you also name the evidence.
#
# Write `choose_action(findings, alarms)`.
#
# - `findings` is a list of pairs `(check, severity)` about the *data*. The severity is `act`
# if the data must be repaired, and `watch` if a person should look at it.
# - `alarms` is a list of what moved in the *world*: `volume`, `channel mix`, `inputs`,
# `scores`, `fraud reports`. A busy season moves volume and channel mix. It asks for no new
# model.
#
# Return a pair: the action, and the sorted list of its evidence. The evidence of `"fix data"`
# is the checks with severity `act`. The evidence of `"retrain"` is the alarms that ask for
# it. `"nothing"` has none.
#
# Broken data moves the statistics of the world as well. Which of the two do you look at
# first?
# %% tags=["starter"]
SEASON = {"volume", "channel mix"}


def choose_action(findings: list[tuple[str, str]], alarms: list[str]) -> tuple[str, list[str]]:
    if alarms:
        return "retrain", sorted(alarms)
    return "nothing", []


# %% tags=["solution"]
SEASON = {"volume", "channel mix"}


def choose_action(findings: list[tuple[str, str]], alarms: list[str]) -> tuple[str, list[str]]:
    broken = sorted(check for check, severity in findings if severity == "act")
    if broken:
        return "fix data", broken
    changed = sorted(set(alarms) - SEASON)
    if changed:
        return "retrain", changed
    return "nothing", []


# %% [markdown] tags=["hint"]
# What would a model learn that is trained on amounts in the wrong unit?
# %% [markdown] tags=["hint"]
# Decide in this order: is the data broken? If not, has the world changed in a way that a
# model must learn?
# %% [markdown] tags=["hint"]
# First the checks with severity `act`. Then the alarms without `volume` and `channel mix`.
