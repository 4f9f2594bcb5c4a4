# ---
# title: Decide by expected cost
# level: 2
# minutes: 15
# notebook: 3_1_champion
# section: The decision by expected cost
# function: decide
# ---
# %% [markdown]
# A model gives a probability of fraud. What do you do with it? There are three choices, and
# each has an expected cost:
#
# | decision | expected cost |
# |---|---|
# | `approve` | probability × amount |
# | `review` | the time of an analyst, `review_cost` |
# | `block` | (1 − probability) × `goodwill`, because an honest customer is angry |
#
# Repair `decide(probability, amount, review_cost, goodwill)`. It returns the cheapest of the
# three. All amounts are in euros.
# %% tags=["starter"]
def decide(probability: float, amount: float, review_cost: float, goodwill: float) -> str:
    if probability >= 0.5:
        return "block"
    return "approve"


# %% tags=["solution"]
def decide(probability: float, amount: float, review_cost: float, goodwill: float) -> str:
    costs = {
        "approve": probability * amount,
        "review": review_cost,
        "block": (1 - probability) * goodwill,
    }
    return min(costs, key=costs.get)


# %% [markdown] tags=["hint"]
# A purchase of 4 euros with a probability of 0.6, and one of 4000 euros with a probability of
# 0.1: which one costs more if you approve it?
# %% [markdown] tags=["hint"]
# Compute the three expected costs first. Then compare them.
# %% [markdown] tags=["hint"]
# `min(costs, key=costs.get)` gives the key of the smallest value of a dictionary.
