# ---
# title: A service that answers with probabilities
# level: 1
# minutes: 10
# notebook: 3_2_serve
# section: A service of ten lines
# function: make_service
# ---
# %% [markdown]
# A service is started once and asked many times. BentoML makes one object of your class for
# each worker, and calls its method for each request. Here the object is a function inside a
# function.
#
# Complete `make_service(load_model)`. `load_model()` takes seconds and gives a scikit-learn
# classifier with the classes 0 and 1. Return a function `answer(rows)` that gives the list of
# the probabilities of fraud (class 1).
# %% tags=["starter"]
def make_service(load_model):
    ...  # fill in: what is done once, when the service starts?

    def answer(rows) -> list[float]:
        return ...  # fill in: what is done for each request?

    return answer


# %% tags=["solution"]
def make_service(load_model):
    model = load_model()

    def answer(rows) -> list[float]:
        return model.predict_proba(rows)[:, 1].tolist()

    return answer


# %% [markdown] tags=["hint"]
# How often is `load_model` called in your version, if a hundred requests come?
# %% [markdown] tags=["hint"]
# `predict` gives classes. Which method gives probabilities, and which of its columns is
# fraud?
# %% [markdown] tags=["hint"]
# Load in `make_service`. In `answer` use `model.predict_proba(rows)[:, 1]`.
