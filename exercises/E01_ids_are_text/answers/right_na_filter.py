import io

import pandas as pd


def read_ids(text):
    return list(pd.read_csv(io.StringIO(text), dtype=str, na_filter=False).customer_id)
