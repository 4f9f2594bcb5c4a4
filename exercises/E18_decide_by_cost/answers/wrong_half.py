def decide(probability, amount, review_cost, goodwill):
    return {True: "block", False: "approve"}[round(probability) == 1]
