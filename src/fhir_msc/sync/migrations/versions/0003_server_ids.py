"""The id that a server gave to a resource, where it does not take ours; when a resource was retired."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("resource", sa.Column("server_id", sa.String(), nullable=True))
    op.add_column("resource", sa.Column("retired_at", sa.String(), nullable=True))
