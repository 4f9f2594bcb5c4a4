"""Entries of the ledger are signed by the program that writes them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column; entries from before stay without a signature."""
    op.add_column("ledger", sa.Column("signature", sa.String(200)))
