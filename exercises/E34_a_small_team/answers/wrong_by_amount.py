def choose_reviews(tx, review_cost, capacity):
    useful = tx[tx["probability"] * tx["amount"] > review_cost]
    return useful.nlargest(capacity, "amount")["tx_id"].tolist()
