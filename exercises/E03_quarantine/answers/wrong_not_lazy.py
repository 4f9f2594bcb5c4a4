import pandera.pandas as pa


def split_rows(table, schema):
    try:
        schema.validate(table)
    except pa.errors.SchemaError as error:
        rows = error.failure_cases["index"].tolist()
        column = error.schema.name
        return [one for one in table.index if one not in rows], [(one, column) for one in rows]
    return list(table.index), []
