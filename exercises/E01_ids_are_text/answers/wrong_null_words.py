import io

import pandas as pd


def read_ids(text):
    table = pd.read_csv(io.StringIO(text), dtype={"customer_id": "string"})
    return table["customer_id"].tolist()
