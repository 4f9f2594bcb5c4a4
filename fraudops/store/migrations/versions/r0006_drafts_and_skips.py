"""Drafts of verdicts are kept, and cases are skipped with a reason."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables; nothing was kept of either before."""
    keys = [sa.Column(name, sa.String(200), primary_key=True) for name in ("tx_id", "actor")]
    op.create_table(
        "drafts",
        *keys,
        sa.Column("verdict", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("saved_at", sa.Float, nullable=False),
    )
    keys = [sa.Column(name, sa.String(200), primary_key=True) for name in ("tx_id", "actor")]
    op.create_table(
        "skips",
        *keys,
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("skipped_at", sa.Float, nullable=False),
        sa.Column("until", sa.Float, nullable=False),
    )
