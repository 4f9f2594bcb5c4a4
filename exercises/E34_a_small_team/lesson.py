# ---
# title: What does a small team review?
# level: 3
# minutes: 25
# notebook: 3_1_champion
# section: The champion, on days it has never seen
# function: choose_reviews
# ---
# %% [markdown]
# The model flags more transactions than the team can review. You decide which ones are
# reviewed, and you must defend it to the person who pays for the fraud *and* for the team.
#
# Write `choose_reviews(tx, review_cost, capacity)`. `tx` has the columns `tx_id`,
# `probability` and `amount` (euros). A review stops a fraud and costs `review_cost`. Return
# the list of at most `capacity` ids to review, the most useful one first. A review that is
# expected to cost more than it saves is not done, also if the team has time.
# %%
import pandas as pd


# %% tags=["starter"]
def choose_reviews(tx: pd.DataFrame, review_cost: float, capacity: int) -> list[str]:
    first = tx.sort_values("probability", ascending=False)
    return first["tx_id"].head(capacity).tolist()


# %% tags=["solution"]
def choose_reviews(tx: pd.DataFrame, review_cost: float, capacity: int) -> list[str]:
    saving = tx["probability"] * tx["amount"] - review_cost
    useful = tx.assign(saving=saving).loc[saving > 0]
    first = useful.sort_values("saving", ascending=False)
    return first["tx_id"].head(capacity).tolist()


# %% [markdown] tags=["hint"]
# What is a review of a transaction worth, in euros?
# %% [markdown] tags=["hint"]
# A quiet night: the team has time for ten reviews, and three are worth their cost. How many
# are done?
# %% [markdown] tags=["hint"]
# The expected saving is `probability * amount - review_cost`. Keep the positive ones, sort,
# take the first.
