import csv
import io


def read_ids(text):
    return [row["customer_id"] for row in csv.DictReader(io.StringIO(text))]
