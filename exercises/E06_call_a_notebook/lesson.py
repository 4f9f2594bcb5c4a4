# ---
# title: Run a notebook with parameters
# level: 1
# minutes: 10
# notebook: 1_3_what_runs_when
# section: A notebook as a task
# function: run_notebook
# ---
# %% [markdown]
# papermill runs a notebook as a program: it adds a cell with your values behind the cell that
# is tagged `parameters`, runs all cells, and writes the result to another file. Two of its
# habits cost money. It writes over any file that you name, also over the notebook itself. And
# it only logs a warning for a parameter that the notebook does not have: then the default
# stays.
#
# Complete `run_notebook(execute, notebook, folder, values, defaults)`. It calls `execute`
# once, which has the arguments of `papermill.execute_notebook`: the path of the notebook, the
# path of the output, and `parameters`. The output has the same file name and lies in
# `folder`. `defaults` holds the parameters that the notebook has. If `values` names another
# one, raise a `ValueError` before you call `execute`.
# %%
from pathlib import Path


# %% tags=["starter"]
def run_notebook(execute, notebook: Path, folder: Path, values: dict, defaults: dict):
    unknown = set(values) - set(defaults)
    if unknown:
        ...  # fill in
    output = ...  # fill in
    execute(notebook, output, parameters=...)  # fill in


# %% tags=["solution"]
def run_notebook(execute, notebook: Path, folder: Path, values: dict, defaults: dict):
    unknown = set(values) - set(defaults)
    if unknown:
        raise ValueError(f"{notebook} has no parameter {unknown}. It has {list(defaults)}.")
    output = folder / notebook.name
    execute(notebook, output, parameters=values)


# %% [markdown] tags=["hint"]
# What is left on the disk if the output has the path of the notebook?
# %% [markdown] tags=["hint"]
# `notebook.name` is the file name without its folder. `folder / name` is a path in the
# folder.
# %% [markdown] tags=["hint"]
# `raise ValueError("...")` in the first place, `folder / notebook.name` in the second,
# `values` in the third.
