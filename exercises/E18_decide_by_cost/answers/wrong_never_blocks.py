def decide(probability, amount, review_cost, goodwill):
    return "review" if probability * amount > review_cost else "approve"
