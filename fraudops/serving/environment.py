"""The environment that a model was trained in against the one that it is asked in."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml


def find_environment_differences(folder: Path) -> list[str]:
    """What differs from the environment that a model's folder names, one line each: Python, and the
    packages it was made with.

    Parameters
    ----------
    folder : as MLflow writes it: requirements.txt with exact versions, python_env.yaml
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
