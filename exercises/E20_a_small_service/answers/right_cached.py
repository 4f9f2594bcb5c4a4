from functools import cache


def make_service(load_model):
    load = cache(load_model)

    def answer(rows):
        return load().predict_proba(rows).T[1]

    return answer
