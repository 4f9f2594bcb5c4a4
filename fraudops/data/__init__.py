"""Schema, sources, ingestion, and the stored days."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "columns": (
            "DELIVERY_FILE",
            "IDENTIFIER_PATTERN",
            "TRANSACTION_COLUMNS",
            "has_cent_fraction",
        ),
        "delivery": ("Delivery",),
        "kinds": ("KINDS",),
        "formula_cells": ("escape_formula",),
        "ingestion": ("IngestResult", "ingest"),
        "look": ("look_at",),
        "look_report": ("describe_look", "write_delivery"),
        "merge": ("SUPERSEDED_FILE",),
        "schema": ("build_transaction_schema", "validate_chunk"),
        "sources": ("Source", "find_source_name", "iter_world_chunks", "open_source"),
        "warehouse": ("load_labels", "load_refunds", "load_transactions"),
    },
)
