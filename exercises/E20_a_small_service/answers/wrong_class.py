def make_service(load_model):
    model = load_model()

    def answer(rows):
        return model.predict(rows).astype(float).tolist()

    return answer
