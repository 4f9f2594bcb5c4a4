"""Compare the environment of a model's training with the present one."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml


def find_environment_differences(folder: Path) -> list[str]:
    """Find what differs from the environment in which a model was trained.

    Parameters
    ----------
    folder : Path
        The model as MLflow writes it, with requirements.txt and python_env.yaml.

    Returns
    -------
    list of str
        One line per difference of Python or a package.
    """
    found = []
    python_version = str(
        yaml.safe_load((folder / "python_env.yaml").read_text(encoding="utf-8"))["python"]
    )
    if python_version.split(".")[:2] != platform.python_version().split(".")[:2]:
        found.append(f"Python {platform.python_version()} here, {python_version} in training")
    for line in (folder / "requirements.txt").read_text(encoding="utf-8").split():
        name, _, trained = line.partition("==")
        if not trained:
            continue
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "missing"
        if installed != trained:
            found.append(f"{name} {installed} here, {trained} in training")
    return found
