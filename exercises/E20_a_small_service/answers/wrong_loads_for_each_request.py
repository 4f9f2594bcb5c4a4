def make_service(load_model):
    def answer(rows):
        model = load_model()
        return model.predict_proba(rows)[:, 1].tolist()

    return answer
