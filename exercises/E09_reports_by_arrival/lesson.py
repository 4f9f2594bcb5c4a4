# ---
# title: Count reports by their arrival
# level: 2
# minutes: 10
# notebook: 1_2_features
# section: "Break it: the label that travels back in time"
# function: count_reports
# ---
# %% [markdown]
# How many frauds were reported at a terminal in the thirty days before a payment? A fraud
# happens at `fraud_ts`. Its report arrives days later, at `label_ts`. At the payment only
# reports that have arrived are known.
#
# The function below has a fault. Repair it: count the reports that arrived from thirty days
# before `moment` to sixty seconds before `moment`, both ends included.
# %%
import pandas as pd

DAY = 86_400


# %% tags=["starter"]
def count_reports(reports: pd.DataFrame, moment: int) -> int:
    in_window = reports["fraud_ts"].between(moment - 30 * DAY, moment - 60)
    return int(in_window.sum())


# %% tags=["solution"]
def count_reports(reports: pd.DataFrame, moment: int) -> int:
    in_window = reports["label_ts"].between(moment - 30 * DAY, moment - 60)
    return int(in_window.sum())


# %% [markdown] tags=["hint"]
# Which of the two times says when the system could know?
# %% [markdown] tags=["hint"]
# A fraud of yesterday is in `reports`, because this table was written later.
# %% [markdown] tags=["hint"]
# Use `label_ts` at both ends of the window.
