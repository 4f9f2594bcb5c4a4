def record_search(mlflow, trials, fingerprint):
    with mlflow.start_run(run_name="search"):
        mlflow.log_param("data", fingerprint)
        for name, value in trials.items():
            with mlflow.start_run(run_name=name):
                mlflow.log_metric("average_precision", value)
