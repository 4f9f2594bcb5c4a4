# ---
# title: One text for one fact
# level: 1
# minutes: 10
# notebook: 5_2_tamper_lab
# section: A hash chain of ten lines
# function: seal
# ---
# %% [markdown]
# A hash is computed from a text. If one fact can be written in two ways, it has two hashes,
# and a verifier in another program calls an honest record forged. So an entry is first
# written in *one* way: JSON with sorted keys and no spaces.
#
# Complete `seal(entry, previous)`. Return the SHA-256, in hexadecimal, of `previous` followed
# by the JSON text of the dictionary `entry`, with sorted keys and the separators `,` and `:`
# without spaces.
# %%
import hashlib
import json

json.dumps({"b": 1, "a": 2})


# %% tags=["starter"]
def seal(entry: dict, previous: str) -> str:
    text = json.dumps(entry, ...)  # fill in
    return hashlib.sha256(text.encode()).hexdigest()  # is something missing?


# %% tags=["solution"]
def seal(entry: dict, previous: str) -> str:
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256((previous + text).encode()).hexdigest()


# %% [markdown] tags=["hint"]
# Two programs write the keys of one dictionary in another order. Which argument of
# `json.dumps` makes them agree?
# %% [markdown] tags=["hint"]
# What ties an entry to the one before it?
# %% [markdown] tags=["hint"]
# `json.dumps(entry, sort_keys=True, separators=(",", ":"))`, and hash `previous + text`.
