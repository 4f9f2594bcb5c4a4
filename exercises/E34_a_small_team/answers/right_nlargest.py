def choose_reviews(tx, review_cost, capacity):
    loss = (tx["probability"] * tx["amount"]).set_axis(tx["tx_id"])
    return list(loss[loss > review_cost].nlargest(capacity).index)
