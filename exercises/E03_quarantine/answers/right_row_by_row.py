import pandera.pandas as pa


def split_rows(table, schema):
    accepted, reasons = [], []
    for label in table.index:
        try:
            schema.validate(table.loc[[label]], lazy=True)
            accepted.append(label)
        except pa.errors.SchemaErrors as error:
            reasons += [(label, column) for column in error.failure_cases["column"]]
    return accepted, sorted(reasons)
