"""Each sealed row has a digest, so that a changed row can be named."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column; rows that were sealed before stay without a digest."""
    op.add_column("sealed", sa.Column("digest", sa.String(200)))
