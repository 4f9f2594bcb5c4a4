"""Columns that the database derives from a JSON text in the same row."""

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement


class _BodyField(ColumnElement):
    """A field of the JSON text in the column `body`; NULL if the text is not JSON."""

    inherit_cache = True

    def __init__(self, name: str, kind: sa.types.TypeEngine) -> None:
        self.field, self.type = name, kind


@compiles(_BodyField, "sqlite")
def _in_sqlite(element: _BodyField, _compiler: object, **_options: object) -> str:
    return f"CASE WHEN json_valid(body) THEN json_extract(body, '$.{element.field}') END"


@compiles(_BodyField, "postgresql")
def _in_postgres(element: _BodyField, compiler: sa.sql.compiler.SQLCompiler, **_: object) -> str:
    kind = compiler.dialect.type_compiler_instance.process(element.type)
    return f"CAST(CAST(body AS json) ->> '{element.field}' AS {kind})"


def derived_column(name: str, kind: sa.types.TypeEngine) -> sa.Column:
    """Make a column that equals a field of the JSON text in `body`, for every writer.

    Parameters
    ----------
    name : str
        Name of the column and of the field.
    kind : sqlalchemy.types.TypeEngine

    Returns
    -------
    sqlalchemy.Column
        A generated column. It cannot be written, so it cannot disagree with the text.
    """
    return sa.Column(name, kind, sa.Computed(_BodyField(name, kind)))
