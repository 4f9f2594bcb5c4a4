def record_search(mlflow, trials, fingerprint):
    for name in trials:
        with mlflow.start_run(run_name=name):
            mlflow.log_params({"data": fingerprint})
            mlflow.log_metrics({"average_precision": trials[name]})
