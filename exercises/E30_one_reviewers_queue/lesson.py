# ---
# title: One reviewer's queue
# level: 3
# minutes: 30
# notebook: 5_3_review_economics
# section: What does waiting do?
# function: work_through
# ---
# %% [markdown]
# One reviewer decides a fixed number of cases a day. What is not decided waits for the next
# day. A case that is past its due day is worth nothing: the money has left. You decide the
# order of the work, and you must defend it with what is decided and what expires.
#
# Write `work_through(days, capacity)`. `days` is a list with one list of new cases for each
# day. A case is a dictionary with `case_id`, `saving` (euros) and `due` (the last day,
# counted from 0, on which it may still be decided). Each day the reviewer takes the waiting
# cases with the largest saving first, at most `capacity`, and no case past its due day.
# Return one list of decided `case_id` for each day, in the order of work.
# %% tags=["starter"]
def work_through(days: list[list[dict]], capacity: int) -> list[list[str]]:
    result = []
    for new_cases in days:
        ordered = sorted(new_cases, key=lambda case: case["saving"], reverse=True)
        result.append([case["case_id"] for case in ordered[:capacity]])
    return result


# %% tags=["solution"]
def work_through(days: list[list[dict]], capacity: int) -> list[list[str]]:
    waiting, result = [], []
    for today, new_cases in enumerate(days):
        waiting = [case for case in [*waiting, *new_cases] if case["due"] >= today]
        waiting.sort(key=lambda case: case["saving"], reverse=True)
        result.append([case["case_id"] for case in waiting[:capacity]])
        waiting = waiting[capacity:]
    return result


# %% [markdown] tags=["hint"]
# Three cases come today, and the reviewer decides two. Where is the third one tomorrow?
# %% [markdown] tags=["hint"]
# Keep a list of waiting cases outside of the loop. Which cases leave it, and for which two
# reasons?
# %% [markdown] tags=["hint"]
# Each day: add the new cases, drop those with `due < today`, sort by `saving`, decide the
# first `capacity`, keep the rest.
