# ---
# title: Correct a share for reviewers' errors
# level: 1
# minutes: 10
# notebook: 5_4_reviewer_labels
# section: "Break it: labels that exist because a reviewer looked"
# function: correct_share
# ---
# %% [markdown]
# Reviewers look at a random sample of approved transactions and call some of them fraud. They
# err: they miss the share `misses` of the frauds, and they accuse the share `accuses` of the
# honest ones. Where fraud is rare, a few accused honest customers look just like fraud.
#
# Complete `correct_share(called, misses, accuses)`. `called` is a list of `True` and `False`.
# Return the share of fraud after the correction of Rogan and Gladen (1978): the share called
# fraud, less `accuses`, divided by 1 − `misses` − `accuses`. A share is never below 0 and
# never above 1.
# %% tags=["starter"]
def correct_share(called: list[bool], misses: float, accuses: float) -> float:
    share = sum(called) / len(called)
    corrected = ...  # fill in
    return corrected


# %% tags=["solution"]
def correct_share(called: list[bool], misses: float, accuses: float) -> float:
    share = sum(called) / len(called)
    corrected = (share - accuses) / (1 - misses - accuses)
    return min(max(corrected, 0.0), 1.0)


# %% [markdown] tags=["hint"]
# No transaction of the sample is a fraud, and reviewers accuse 2 % of the honest ones. What
# share do they call fraud?
# %% [markdown] tags=["hint"]
# After you have taken out the accused honest ones, some frauds are still missing. The
# division puts them back.
# %% [markdown] tags=["hint"]
# `(share - accuses) / (1 - misses - accuses)`. A small sample may give less than 0: return 0
# then.
