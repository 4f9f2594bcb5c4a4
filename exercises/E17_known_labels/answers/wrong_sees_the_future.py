def make_labels(tx, moment):
    old = tx.loc[tx["ts"] <= moment - 7 * 86_400].set_index("tx_id")
    return old["label_ts"].notna().astype(int).to_dict()
