"""A data set that nobody here wrote goes through the contract and the features."""

import pytest

from fraudops import data
from fraudops.data import open_source
from fraudops.features import compute_features
from fraudops.workspace import REPOSITORY, Workspace

FILE = REPOSITORY.parent / "shared" / "data" / "sparkov_150_cards.csv.gz"


@pytest.mark.slow
@pytest.mark.skipif(
    not FILE.is_file(),
    reason=f"the Sparkov file is not part of this repository; it was looked for at {FILE}",
)
def test_sparkov_is_read_whole(tmp_path):
    workspace = Workspace.find(tmp_path)
    result = data.ingest(open_source("sparkov", str(FILE)), workspace)
    assert (result.read, result.accepted, result.quarantined) == (264_317, 264_317, 0)
    assert any("label_ts" in line for line in result.manifest["not_filled"])
    tx = data.load_transactions(workspace)
    assert set(tx["channel"]) == {"online", "card_present"} and tx["customer_id"].nunique() == 150
    part = tx.head(5000)
    assert len(compute_features(part, data.load_labels(workspace))) == 5000
