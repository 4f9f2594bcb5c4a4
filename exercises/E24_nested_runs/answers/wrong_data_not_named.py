def record_search(mlflow, trials, fingerprint):
    with mlflow.start_run():
        for name, value in trials.items():
            with mlflow.start_run(run_name=name, nested=True):
                mlflow.log_metric("average_precision", value)
