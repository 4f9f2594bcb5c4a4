def choose_reviews(tx, review_cost, capacity):
    loss = tx["probability"] * tx["amount"]
    return tx.loc[loss.sort_values(ascending=False).index, "tx_id"].tolist()[:capacity]
