"""The scoring service: request schemas, scoring, packaging, and replay."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "batching": ("Batcher", "MAX_WAITING_REQUESTS", "QueueFullError"),
        "bento": (
            "build_bento",
            "find_free_port",
            "find_or_build_champion_bento",
            "import_to_bentoml",
            "serve_bento",
            "stop_process_tree",
            "wait_until_ready",
        ),
        "bulk": ("get_refused_path", "score_file"),
        "environment": ("find_environment_differences",),
        "load_test": ("run_load_test", "run_locust"),
        "loaded_model": (
            "BENTO_MODEL_NAME",
            "BENTO_SERVICE_NAME",
            "LoadedModel",
            "find_model_file",
        ),
        "middleware": (
            "API_TOKEN_VARIABLE",
            "CALLER_KEY",
            "AccessMiddleware",
            "make_problem_details",
        ),
        "replay": ("ScoringClient", "insert_history", "to_score_request"),
        "schemas": (
            "Identifier",
            "LabelRequest",
            "LabelResponse",
            "ModelInfo",
            "PolicyRequest",
            "PredictionPage",
            "PredictionReasons",
            "ProblemDetails",
            "RefundRequest",
            "RefundResponse",
            "ReloadResponse",
            "ScoreRequest",
            "ScoredTransaction",
            "SwitchRequest",
        ),
        "skew": ("check_skew",),
        "skew_command": ("run_skew_command",),
        "stored_reasons": (
            "MAX_EXPLAINED_ROWS",
            "StoredReasons",
            "UnknownPredictionError",
            "load_registered_version",
        ),
        "workers": ("read_worker_statuses", "write_worker_status"),
        "scorer": ("PREDICTION_KEY_VARIABLE", "Scorer", "load_logged_inputs"),
    },
)
