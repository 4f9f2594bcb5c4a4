# ---
# title: Euros to cents
# level: 1
# minutes: 5
# notebook: 1_1_ingest
# section: Three decisions before the first row
# function: to_cents
# ---
# %% [markdown]
# The course stores money as whole cents. Sums of whole numbers are exact, so every engine and
# every machine gets the same sum. A delivery gives amounts in euros, as decimal numbers.
#
# Write `to_cents(amounts)`. It gets a list of euros and returns a list of whole cents
# (`int`). A refund is a negative amount.
# %%
19.99 * 100


# %% [markdown]
# The number above is not 1999. Your function must not lose that cent.
# %% tags=["starter"]
def to_cents(amounts: list[float]) -> list[int]:
    cents = []
    for amount in amounts:
        cents.append(...)  # fill in
    return cents


# %% tags=["solution"]
def to_cents(amounts: list[float]) -> list[int]:
    cents = []
    for amount in amounts:
        cents.append(round(amount * 100))
    return cents


# %% [markdown] tags=["hint"]
# Which decimal numbers can a computer store exactly?
# %% [markdown] tags=["hint"]
# `int` cuts off what is behind the point. Which function goes to the nearest whole number?
# %% [markdown] tags=["hint"]
# `round(x)` without a second argument returns an `int`, and it works for negative numbers
# too.
