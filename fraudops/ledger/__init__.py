"""The tamper-evident record: a hash chain, its anchors, and the check against the facts."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "access_log": ("add_comment", "load_case_entries", "log_case_read", "log_list_read"),
        "anchors": (
            "BrokenLedgerError",
            "REGISTERED_MODEL_NAME",
            "delete_anchor_tag",
            "read_anchor_file",
            "read_mlflow_anchor",
            "verify_anchored_chain",
            "write_anchor",
        ),
        "audited_writes": (
            "change_deployment",
            "insert_chargebacks",
            "insert_refunds",
            "import_history",
            "log_carried_over_users",
        ),
        "case_record": ("follow_entries",),
        "chain": (
            "append_entry",
            "canonical_json",
            "get_head",
            "load_champion_changes",
            "load_entries",
            "stream_ledger_rows",
            "verify_chain",
        ),
        "checkpoints": ("Checkpoint", "Witness", "create_witness", "find_checkpoint_problem"),
        "pack": (
            "find_evidence_pack",
            "list_evidence_packs",
            "write_evidence_pack",
            "zip_evidence_pack",
        ),
        "receipts": ("check_receipt", "make_receipts", "read_checkpoint", "run_receipts_command"),
        "reconciliation": ("FINAL_STAGES", "find_differences"),
        "settled_cases": ("settle_cases",),
        "verification": ("check_ledger", "seal_and_anchor", "verify_and_report", "verify_record"),
        "verification_result": ("Verification", "load_verifications", "save_verification"),
        "verifier": ("DECISION_DEFAULTS", "GENESIS_HASH", "hash_entry"),
    },
)
