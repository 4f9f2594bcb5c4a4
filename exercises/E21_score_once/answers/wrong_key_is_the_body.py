def answer_request(request, stored, score):
    key = tuple(sorted(request.items()))
    if key not in stored:
        stored[key] = score(request)
    return stored[key]
