def record_search(mlflow, trials, fingerprint):
    def record_trial(name, value):
        with mlflow.start_run(nested=True, run_name=name):
            mlflow.log_metric(key="average_precision", value=value)

    with mlflow.start_run():
        mlflow.log_param(key="data", value=fingerprint)
        for name, value in sorted(trials.items()):
            record_trial(name, value)
