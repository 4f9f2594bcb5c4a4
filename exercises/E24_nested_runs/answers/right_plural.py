def record_search(mlflow, trials, fingerprint):
    with mlflow.start_run(run_name="all strategies"):
        for name in trials:
            with mlflow.start_run(run_name=name, nested=True):
                mlflow.log_metrics({"average_precision": trials[name]})
        mlflow.log_params({"data": fingerprint})
