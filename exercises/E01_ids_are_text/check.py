"""Check of E01: ids stay the texts that they are."""

import io

import pandas as pd

from fraudops.exercises import Misconception, Probe


def make_text(ids):
    return "customer_id,amount\n" + "".join(f"{one},{k + 1}.5\n" for k, one in enumerate(ids))


def make_probes(random):
    first, second = (int(one) for one in random.choice(range(100, 999), 2, replace=False))
    return [
        Probe((make_text([f"00{first}", second]),), "two customers"),
        Probe((make_text([first, "", second]),), "the second row has no id"),
        Probe((make_text([f"c{first}", "NA", "null", f"c{second}"]),), "four customers"),
    ]


def read(text, **options):
    return pd.read_csv(io.StringIO(text), **options)["customer_id"]


def answer(text):
    return read(text, dtype={"customer_id": str}, keep_default_na=False).tolist()


def read_whole_numbers(text):
    return read(text, keep_default_na=False).astype("int64").astype(str).tolist()


MISCONCEPTIONS = (
    Misconception(
        "numbers",
        "pandas took the column for numbers. Leading zeros are lost, and if one id is "
        "missing, all others end in .0. Then they match no customer.",
        lambda text: [str(one) for one in read(text)],
    ),
    Misconception(
        "whole_numbers",
        "Your ids were whole numbers before they became texts. Leading zeros are lost, "
        "and an id that is no number cannot be read at all.",
        read_whole_numbers,
    ),
    Misconception(
        "null_words",
        "pandas takes empty texts and words such as NA and null for a missing value. Here"
        " they are ids, and they are lost.",
        lambda text: read(text, dtype=str).tolist(),
    ),
)
