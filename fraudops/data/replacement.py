"""Refuse to replace the data of a workspace by accident, from a notebook that a person opened."""

from typing import Any

from fraudops.errors import UserError
from fraudops.processes import is_opened_notebook
from fraudops.workspace import Workspace, read_json

OPTIONS = {"profile": "--profile", "as_of": "--as-of", "source": "--source"}  # of `fraudops run`


def read_made_with(workspace: Workspace) -> dict[str, Any]:
    """Read the parameters of the data set, and how many deliveries were ``added`` to it.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    dict of str to Any
        Empty if there is no data set, or an earlier version of the course has made it.
    """
    manifest = workspace.root / "data" / "dataset.json"
    return read_json(manifest).get("made_with", {}) if manifest.is_file() else {}


def check_replacement(workspace: Workspace, made_with: dict[str, Any]) -> None:
    """Refuse to replace a data set by one with other parameters, in an opened notebook.

    The parameters of a notebook have defaults. So a notebook that is opened in JupyterLab would
    replace the data of a run with other parameters, and later notebooks would mix both.

    Parameters
    ----------
    workspace : Workspace
    made_with : dict of str to Any
        The parameters of the new data set.

    Raises
    ------
    UserError
        Names the parameters that keep the data, and the command that replaces it.
    """
    before = read_made_with(workspace)
    if not before or before == made_with or not is_opened_notebook():
        return
    every = {**before, **made_with}.keys() - {"labels"}
    names = sorted(name for name in every if before.get(name) != made_with.get(name))
    if "added" in names:
        raise UserError(
            f"{before['added']} later deliveries were added to the data in {workspace.root}, and "
            "this notebook would replace all of it. To look at another data set, open the "
            "notebooks in another folder: `fraudops lab --workspace DIR`. To replace the data: "
            f"`{_format_command(workspace, made_with, names)}`."
        )
    raise UserError(
        f"{workspace.root} holds data that was made with {_list_values(before, names)}, and this "
        f"notebook has {_list_values(made_with, names)}. To go on with that data, write "
        f"{_list_values(before, names)} in the cell of parameters. To replace it: "
        f"`{_format_command(workspace, made_with, names)}`."
    )


def _list_values(values: dict[str, Any], names: list[str]) -> str:
    return ", ".join(f"{name} = {values.get(name, '')!r}" for name in names)


def _format_command(workspace: Workspace, made_with: dict[str, Any], names: list[str]) -> str:
    words = ["run", "--until", "1_1_ingest"]
    for name in names:
        value = str(made_with.get(name, ""))
        if name == "path":
            words += ["--path", "FILE"] if value else []
        elif name in OPTIONS:
            words += [OPTIONS[name], value] if value else []
        elif name in made_with and name != "added":
            words += ["-p", f"1_1_ingest.{name}={value}"]
    return workspace.format_command(*words)
