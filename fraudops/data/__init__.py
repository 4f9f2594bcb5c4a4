"""Schema, sources, ingestion, and the stored days."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "columns": ("IDENTIFIER_PATTERN", "TRANSACTION_COLUMNS"),
        "ingestion": ("IngestResult", "ingest"),
        "merge": ("SUPERSEDED_FILE",),
        "schema": ("build_transaction_schema",),
        "sources": ("iter_world_chunks", "open_source"),
        "warehouse": ("load_labels", "load_transactions"),
    },
)
