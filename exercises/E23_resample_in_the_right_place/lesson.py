# ---
# title: Resample in the right place
# level: 1
# minutes: 10
# notebook: 4_1_experiments
# section: The sampler in the wrong place
# function: prepare
# ---
# %% [markdown]
# Frauds are rare, so some methods add copies of them (or points between them, as SMOTE does)
# before the training. A test must look like the world in which the model will work.
#
# Complete `prepare(table, split, oversample)`. `split(table)` gives a training and a test
# part. `oversample(part)` gives the part with copies of its frauds. Return the pair that a
# model is trained with and tested on.
# %% tags=["starter"]
def prepare(table, split, oversample):
    train, test = split(table)
    return ..., ...  # fill in


# %% tags=["solution"]
def prepare(table, split, oversample):
    train, test = split(table)
    return oversample(train), test


# %% [markdown] tags=["hint"]
# If the copies are made first, on which side of the split does a copy of a test fraud lie?
# %% [markdown] tags=["hint"]
# What share of the test rows are frauds? Is it the share of the real world?
# %% [markdown] tags=["hint"]
# Split first. Then oversample the training part only.
