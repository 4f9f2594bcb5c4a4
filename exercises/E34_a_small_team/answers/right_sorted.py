def choose_reviews(tx, review_cost, capacity):
    savings = {row.tx_id: row.probability * row.amount - review_cost for row in tx.itertuples()}
    useful = [name for name, saving in savings.items() if saving > 0]
    return sorted(useful, key=savings.get, reverse=True)[:capacity]
