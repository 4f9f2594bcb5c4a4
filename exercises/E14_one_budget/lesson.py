# ---
# title: One budget of false alarms for many tests
# level: 2
# minutes: 10
# notebook: 2_2_drift_monitor
# section: Fifty numbers, one budget
# function: find_drifted
# ---
# %% [markdown]
# A monitor tests 37 columns each day. If nothing changes, each test at 5 % is wrong on one
# day in twenty. All together they are wrong on most days:
# %%
1 - 0.95**37


# %% [markdown]
# The whole monitor has one budget: the chance of any false alarm on a quiet day is at most
# `budget`. The simplest way to keep it is to divide the budget equally among the tests
# (Bonferroni).
#
# Repair `find_drifted(p_values, budget)`. `p_values` has one p-value for each column. Return
# the sorted list of columns that are in alarm: those with a p-value below their part of the
# budget.
# %% tags=["starter"]
def find_drifted(p_values: dict[str, float], budget: float) -> list[str]:
    return sorted(name for name, p in p_values.items() if p < budget)


# %% tags=["solution"]
def find_drifted(p_values: dict[str, float], budget: float) -> list[str]:
    limit = budget / len(p_values)
    return sorted(name for name, p in p_values.items() if p < limit)


# %% [markdown] tags=["hint"]
# How many tests share the budget?
# %% [markdown] tags=["hint"]
# With two tests and a budget of 0.05, which limit may each test have?
# %% [markdown] tags=["hint"]
# The limit is `budget / len(p_values)`.
