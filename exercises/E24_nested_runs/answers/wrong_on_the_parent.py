def record_search(mlflow, trials, fingerprint):
    with mlflow.start_run(run_name="search"):
        mlflow.log_params({"data": fingerprint})
        for value in trials.values():
            mlflow.log_metrics({"average_precision": value})
