import csv
import io


def read_ids(text):
    return [str(int(row["customer_id"])) for row in csv.DictReader(io.StringIO(text))]
