import numpy as np


def decide(probability, amount, review_cost, goodwill):
    costs = [probability * amount, review_cost, goodwill - probability * goodwill]
    return ["approve", "review", "block"][int(np.argmin(costs))]
