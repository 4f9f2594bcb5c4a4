"""One digest for the code that a notebook or a script imports.

The packages load their modules lazily, so a program that runs cannot say what it may import.
This module reads the import statements instead, and follows them from file to file.
"""

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from fraudops.errors import UserError
from fraudops.workspace import REPOSITORY, compute_fingerprint

DATA_SUFFIXES = (".sql", ".j2", ".json")  # data files beside the modules that read them


def hash_imports(*sources: Path) -> str:
    """Compute one digest for the library code that these files import, directly or not.

    Parameters
    ----------
    *sources : Path
        Notebooks or Python files.

    Returns
    -------
    str
        SHA-256 over names and contents of the library's files, in hexadecimal.

    Raises
    ------
    UserError
        If a source does not exist or cannot be read.
    """
    lines = [
        f"{_relative(file)} {compute_fingerprint(file)}" for file in find_imported_files(*sources)
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def find_imported_files(*sources: Path) -> list[Path]:
    """Find the library's files that these notebooks or Python files import, directly or not.

    Imports within functions count. The data files of a package count as soon as one of its
    modules is imported. A package that is used in a way that cannot be resolved counts in full.

    Parameters
    ----------
    *sources : Path
        Notebooks or Python files.

    Returns
    -------
    list of Path
        Sorted; without the sources themselves, unless they are in the library.

    Raises
    ------
    UserError
        If a source does not exist or cannot be read.
    """
    found: set[Path] = set()
    todo = [module for source in sources for module in _imports(_read_code(source))]
    todo += [source for source in sources if source.is_relative_to(REPOSITORY / "fraudops")]
    while todo:
        file = todo.pop()
        if file in found:
            continue
        found.add(file)
        todo += _parents(file)
        todo += (f for f in file.parent.iterdir() if f.suffix in DATA_SUFFIXES)
        if file.suffix == ".py" and not (file.name == "__init__.py" and _exports(file)):
            todo += _imports(file.read_text(encoding="utf-8"))
    return sorted(found)


def _relative(file: Path) -> str:
    return file.relative_to(REPOSITORY).as_posix()


def _read_code(source: Path) -> str:
    """Python text of a notebook (without magic commands) or of a Python file."""
    try:
        text = source.read_text(encoding="utf-8")
        if source.suffix != ".ipynb":
            return text
        cells = [
            "".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code"
        ]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{source} cannot be read ({type(error).__name__}: {error}). Restore it."
        ) from None
    return re.sub(r"^[%!].*$", "", "\n".join(cells), flags=re.M)


def _parents(file: Path) -> Iterator[Path]:
    """Each ``__init__.py`` that runs before the file does, and what it uses itself."""
    for folder in file.parents:
        if not folder.is_relative_to(REPOSITORY / "fraudops"):
            return
        yield folder / "__init__.py"
        if folder.name == "fraudops":
            yield folder / "_lazy.py"


def _imports(text: str) -> set[Path]:
    """Files of the library that a Python text imports or names as a module in a string."""
    uses = _uses(text)
    return (
        set(REPOSITORY.joinpath("fraudops").rglob("*.py"))
        if uses is None
        else {file for dotted in uses for file in _resolve(dotted)}
    )


@lru_cache(maxsize=1024)
def _uses(text: str) -> frozenset[str] | None:
    """Dotted names below ``fraudops`` that a text uses; None if it is not valid Python."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    uses: set[str] = set()
    aliases: dict[str, set[str]] = {}  # two functions may import two things by one name
    attributes: dict[int, str] = {}  # by the id of the name before the dot
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fraudops":
            for name in node.names:
                if name.name == "*":
                    uses.add(str(node.module))
                dotted = f"{node.module}.{name.name}"
                aliases.setdefault(name.asname or name.name, set()).add(dotted)
        elif isinstance(node, ast.Import):
            uses |= {n.name for n in node.names if n.name.split(".")[0] == "fraudops"}
        elif isinstance(node, ast.Constant) and _is_module_name(node.value):
            uses.add(node.value)  # python -m ...
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            attributes[id(node.value)] = node.attr
    if "fraudops" in uses:
        aliases["fraudops"] = {"fraudops"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in aliases:
            attribute = attributes.get(id(node))
            uses |= {d + (f".{attribute}" if attribute else "") for d in aliases[node.id]}
    return frozenset(uses | {f"{d}.__init__" for names in aliases.values() for d in names})


def _is_module_name(value: object) -> bool:
    """Whether a constant names a module of the library, as in ``python -m fraudops.cli``."""
    return (
        isinstance(value, str)
        and re.fullmatch(r"fraudops(\.\w+)+", value) is not None
        and REPOSITORY.joinpath(*value.split(".")).with_suffix(".py").is_file()
    )


def _resolve(dotted: str) -> Iterable[Path]:
    """Files behind a dotted name: a module, what a package exports, or a whole package."""
    place = REPOSITORY / "fraudops"
    parts = dotted.split(".")[1:]
    while parts:
        name = parts.pop(0)
        if place.joinpath(f"{name}.py").is_file():
            return [place / f"{name}.py"]
        if place.joinpath(name).is_dir():
            place /= name
            continue
        exports = _exports(place / "__init__.py")
        if name in exports:
            return [place / exports[name]]
        break
    return [place / "__init__.py"] if place.name == "fraudops" else sorted(place.rglob("*.py"))


def _exports(init: Path) -> dict[str, str]:
    """Public names of a package, each with the file of its module, below the package's folder."""
    return _read_exports(init.read_text(encoding="utf-8"))


@lru_cache(maxsize=256)
def _read_exports(text: str) -> dict[str, str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lazy_exports":
            table = ast.literal_eval(node.args[1])
            return {n: m.replace(".", "/") + ".py" for m, names in table.items() for n in names}
    return {}
