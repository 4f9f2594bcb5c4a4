# ---
# title: Promote, and keep the way back
# level: 2
# minutes: 10
# notebook: 4_4_rollback
# section: A bad version, and two aliases moved by hand
# function: promote
# ---
# %% [markdown]
# The registry keeps all versions of the model. Two aliases name versions: `champion` decides,
# `previous` is the one to go back to. A promotion moves aliases. It deletes nothing, because
# an auditor may ask in a year which model decided.
#
# Find the fault in `promote(aliases, versions, new)`. `aliases` is a dictionary from alias to
# version, `versions` the list of all versions. Return both after the promotion of `new`. If
# `new` is not in `versions`, raise a `ValueError`.
# %% tags=["starter"]
def promote(aliases: dict, versions: list, new: str) -> tuple[dict, list]:
    if new not in versions:
        raise ValueError(f"There is no version {new}.")
    aliases["champion"] = new
    aliases["previous"] = aliases["champion"]
    return aliases, versions


# %% tags=["solution"]
def promote(aliases: dict, versions: list, new: str) -> tuple[dict, list]:
    if new not in versions:
        raise ValueError(f"There is no version {new}.")
    if "champion" in aliases:
        aliases["previous"] = aliases["champion"]
    aliases["champion"] = new
    return aliases, versions


# %% [markdown] tags=["hint"]
# Follow the two assignments with `{"champion": "3"}` and the new version `"4"`. Which version
# is previous?
# %% [markdown] tags=["hint"]
# The first promotion has no champion before it. Then there is no previous one either.
# %% [markdown] tags=["hint"]
# Set `previous` first, if there is a champion. Set `champion` after that.
