# ---
# title: Score a transaction once
# level: 2
# minutes: 15
# notebook: 3_2_serve
# section: The same transaction twice
# function: answer_request
# ---
# %% [markdown]
# A payment system that gets no answer asks again. The second request may be a little
# different, for example in `sent_at`. It is still the same transaction, and it must get the
# same answer: two different decisions about one payment cannot be explained to a customer.
#
# Repair `answer_request(request, stored, score)`. `request` is a dictionary with `tx_id` and
# other keys. `stored` is a dictionary from `tx_id` to the answers so far; it stands for the
# table of predictions. `score(request)` gives a new answer. Return the answer, and keep it in
# `stored`.
# %% tags=["starter"]
def answer_request(request: dict, stored: dict, score) -> float:
    answer = score(request)
    stored[request["tx_id"]] = answer
    return answer


# %% tags=["solution"]
def answer_request(request: dict, stored: dict, score) -> float:
    name = request["tx_id"]
    if name not in stored:
        stored[name] = score(request)
    return stored[name]


# %% [markdown] tags=["hint"]
# Between the two requests another model may have been promoted. What would `score` answer
# then?
# %% [markdown] tags=["hint"]
# Which key says that it is the same transaction?
# %% [markdown] tags=["hint"]
# Call `score` only if `request["tx_id"]` is not in `stored`.
