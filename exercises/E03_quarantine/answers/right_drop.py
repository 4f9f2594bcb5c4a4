import pandera.pandas as pa


def split_rows(table, schema):
    reasons = []
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        cases = error.failure_cases[["index", "column"]].drop_duplicates()
        reasons = sorted(cases.itertuples(index=False, name=None))
    broken = {row for row, _ in reasons}
    return list(table.drop(index=list(broken)).index), reasons
