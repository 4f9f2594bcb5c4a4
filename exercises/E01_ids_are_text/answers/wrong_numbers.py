import io

import pandas as pd


def read_ids(text):
    table = pd.read_csv(io.StringIO(text))
    return list(map(str, table["customer_id"]))
