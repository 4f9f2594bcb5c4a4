import pandera.pandas as pa


def split_rows(table, schema):
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases.sort_values(["index", "column"]).drop_duplicates("index")
        reasons = list(zip(cases["index"], cases["column"], strict=True))
        return table.index.difference(cases["index"]).tolist(), reasons
    return list(table.index), []
