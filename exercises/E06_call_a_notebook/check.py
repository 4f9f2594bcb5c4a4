"""Check of E06: a notebook is run with the wanted values, into a file of its own."""

from pathlib import Path

from fraudops.exercises import Misconception, Probe


def observe(function, notebook, folder, values, defaults):
    calls = []

    def execute(input_path, output_path, parameters=None, **options):
        used = defaults | {k: v for k, v in (parameters or {}).items() if k in defaults}
        calls.append({"output": Path(output_path).as_posix(), "ran with": used})

    try:
        function(execute, Path(notebook), Path(folder), values, defaults)
    except ValueError:
        return {"ValueError before a call": not calls}
    return calls


def make_probes(random):
    seed, days = (int(one) for one in random.integers(10, 99, size=2))
    notebook, defaults = "stage/1_1_ingest.ipynb", {"seed": 7, "days": 30}
    return [
        Probe((notebook, "runs/monday", {"seed": seed}, defaults), "one value", observe),
        Probe((notebook, "runs/monday", {}, defaults), "no value", observe),
        Probe(
            (notebook, "runs/monday", {"day": days}, defaults), "a parameter is misspelt", observe
        ),
    ]


def imitate(execute, notebook, folder, values, defaults, refuses=True, passes=True, output=None):
    if refuses and set(values) - set(defaults):
        raise ValueError
    execute(notebook, output or folder / notebook.name, parameters=values if passes else {})


def answer(execute, notebook, folder, values, defaults):
    return imitate(execute, notebook, folder, values, defaults)


MISCONCEPTIONS = (
    Misconception(
        "source_overwritten",
        "The output has the path of the notebook, so the run has replaced the source by a"
        " result. Write it to the folder of the run.",
        lambda execute, notebook, *rest: imitate(execute, notebook, *rest, output=notebook),
    ),
    Misconception(
        "defaults_ran",
        "The values never reached the notebook. It ran with its defaults and looks like a success.",
        lambda *arguments: imitate(*arguments, passes=False),
    ),
    Misconception(
        "misspelt_is_ignored",
        "papermill only logs an unknown parameter. The notebook ran with its default. "
        "Refuse it before the run.",
        lambda *arguments: imitate(*arguments, refuses=False),
    ),
)
