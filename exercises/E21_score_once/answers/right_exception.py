def answer_request(request, stored, score):
    try:
        return stored[request["tx_id"]]
    except KeyError:
        stored[request["tx_id"]] = score(request)
        return stored[request["tx_id"]]
