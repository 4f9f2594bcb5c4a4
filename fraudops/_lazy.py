"""Lazy package exports (PEP 562): a public name loads its module when it is first used."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_exports(
    package: str, exports: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make ``__getattr__``, ``__dir__`` and ``__all__`` for the ``__init__.py`` of a package.

    Parameters
    ----------
    package : str
        The package, ``__name__`` in its ``__init__.py``.
    exports : mapping of str to sequence of str
        For each module of the package, the names that others may use.

    Returns
    -------
    tuple
        The function ``__getattr__``, the function ``__dir__``, and the list ``__all__``.
    """
    modules = {name: module for module, names in exports.items() for name in names}

    def __getattr__(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"{package} has no public name {name!r}.")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return __getattr__, lambda: sorted(modules), sorted(modules)
