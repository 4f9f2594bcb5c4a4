"""Refunds and reversals are stored beside the transactions."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the table; nothing was kept of refunds before."""
    op.create_table(
        "refunds",
        sa.Column("tx_id", sa.String(200), primary_key=True),
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("customer_id", sa.String(200), nullable=False),
        sa.Column("terminal_id", sa.String(200), nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(200), nullable=False),
    )
    op.create_index("refund_customer", "refunds", ["customer_id", "ts"])
