def make_service(load_model):
    model = load_model()

    def answer(rows):
        return [float(row[0]) for row in model.predict_proba(rows)]

    return answer
