def answer_request(request, stored, score):
    known = stored.get(request["tx_id"])
    if known is not None:
        return known
    result = score(request)
    stored[request["tx_id"]] = result
    return result
