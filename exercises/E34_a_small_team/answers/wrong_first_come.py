def choose_reviews(tx, review_cost, capacity):
    useful = []
    for row in tx.itertuples():
        if row.probability * row.amount > review_cost and len(useful) < capacity:
            useful.append(row.tx_id)
    return useful
