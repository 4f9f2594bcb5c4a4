# ---
# title: Which model decided?
# level: 2
# minutes: 15
# notebook: 5_1_model_audit
# section: Which model decided?
# function: find_champion
# ---
# %% [markdown]
# An auditor asks which version of the model decided about a payment of last March. The alias
# `champion` names the version of *today*. The past is in the record: one event for each
# promotion.
#
# Repair `find_champion(events, moment)`. `events` is a list of pairs `(ts, version)`, in the
# order in which they were written; a rollback is a promotion too. Return the version that was
# champion at `moment`: the latest event with `ts <= moment`. Return `None` if there was none
# yet.
# %% tags=["starter"]
def find_champion(events: list[tuple[int, str]], moment: int) -> str | None:
    _, version = events[-1]
    return version


# %% tags=["solution"]
def find_champion(events: list[tuple[int, str]], moment: int) -> str | None:
    champion = None
    for ts, version in events:
        if ts <= moment:
            champion = version
    return champion


# %% [markdown] tags=["hint"]
# Which event was the latest one at `moment`?
# %% [markdown] tags=["hint"]
# A payment in the same second as the promotion was decided by the new version.
# %% [markdown] tags=["hint"]
# Go through the events in order, and remember the version as long as `ts <= moment`.
