def decide(probability, amount, review_cost, goodwill):
    loss, anger = probability * amount, (1 - probability) * goodwill
    if loss <= review_cost and loss <= anger:
        return "approve"
    return "review" if review_cost <= anger else "block"
