def decide(probability, amount, review_cost, goodwill):
    costs = [(probability * amount, "approve"), (review_cost, "review"), (goodwill, "block")]
    return min(costs)[1]
