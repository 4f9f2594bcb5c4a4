import pandera.pandas as pa


def split_rows(table, schema):
    try:
        return schema.validate(table, lazy=True).index.tolist(), []
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        return [], sorted(zip(cases["index"], cases["column"], strict=True))
