class Service:
    def __init__(self, load_model):
        self.model = load_model()

    def __call__(self, rows):
        place = list(self.model.classes_).index(1)
        return [float(row[place]) for row in self.model.predict_proba(rows)]


def make_service(load_model):
    return Service(load_model)
