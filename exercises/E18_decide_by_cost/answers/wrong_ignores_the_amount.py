USUAL_AMOUNT = 100.0


def decide(probability, amount, review_cost, goodwill):
    loss, anger = probability * USUAL_AMOUNT, (1 - probability) * goodwill
    if loss < min(review_cost, anger):
        return "approve"
    return "review" if review_cost < anger else "block"
