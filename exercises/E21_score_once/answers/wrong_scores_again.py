def answer_request(request, stored, score):
    stored.update({request["tx_id"]: score(request)})
    return stored[request["tx_id"]]
