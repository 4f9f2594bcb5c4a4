"""Training sets, strategies, metrics, decisions, gates, and the model registry."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "compromises": (
            "FirstCatches",
            "assign_compromises",
            "compute_compromise_costs",
            "find_stopped_frauds",
            "summarize_first_catches",
        ),
        "decision": ("RECENT_DAYS", "DecisionPolicy", "amount_to_cents"),
        "explain": ("ShapExplainer", "describe_feature", "list_shap_reasons"),
        "fitting": ("FittedModel", "MIN_TRAINING_FRAUDS", "fit_model", "fit_strategy"),
        "gates": ("Candidate", "GateResult", "MAX_REVIEW_SHARE", "evaluate_gates", "gates_to_json"),
        "inference": (
            "CompactPipeline",
            "build_input_frame",
            "predict_probability",
            "split_model_inputs",
        ),
        "metrics": (
            "average_precision",
            "bootstrap_interval",
            "card_precision_at_k",
            "wilson_interval",
        ),
        "persistence": ("load_model_file",),
        "registry": ("ModelRegistry",),
        "registered_version": ("RegisteredVersion",),
        "strategies": (
            "STRATEGIES",
            "EmptyColumnFiller",
            "build_boosting",
            "build_pipeline",
            "build_preprocessor",
        ),
        "tracking": ("log_evaluation_figures", "log_run_inputs"),
        "training_data": ("TrainingData",),
        "training_set": ("EMPTY_REVIEWS", "LabelledRows"),
    },
)
