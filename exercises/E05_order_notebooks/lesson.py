# ---
# title: Order a graph of notebooks
# level: 2
# minutes: 15
# notebook: 1_3_what_runs_when
# section: Three tasks and their order
# function: order_notebooks
# ---
# %% [markdown]
# `run_all.py` runs notebooks in an order in which each one finds what it needs. The graph
# says for each notebook which other notebooks it needs.
#
# Write `order_notebooks(needs)`. It returns a list with each notebook once. A notebook stands
# behind all notebooks that it needs. If the needs form a circle, it raises a `ValueError`.
# %%
needs = {"report": ["train"], "train": ["clean"], "clean": []}


# %% [markdown]
# For these needs the only right order is `["clean", "train", "report"]`. The version below
# has a fault: it trusts the names.
# %% tags=["starter"]
def order_notebooks(needs: dict[str, list[str]]) -> list[str]:
    return sorted(needs)


# %% tags=["solution"]
def order_notebooks(needs: dict[str, list[str]]) -> list[str]:
    order = []
    while len(order) < len(needs):
        ready = []
        for name, needed in needs.items():
            if name not in order and set(needed) <= set(order):
                ready.append(name)
        if not ready:
            raise ValueError("The needs form a circle.")
        order.extend(ready)
    return order


# %% [markdown] tags=["hint"]
# Which notebooks can run first? Which ones can run when those have run?
# %% [markdown] tags=["hint"]
# Repeat: collect all notebooks whose needs have run. What does it mean if there is none, and
# some are left?
# %% [markdown] tags=["hint"]
# Python's own `graphlib.TopologicalSorter(needs).static_order()` gives such an order. Its
# error for a circle is a `ValueError`.
