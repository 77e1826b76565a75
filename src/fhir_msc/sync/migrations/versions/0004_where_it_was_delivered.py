"""The url that a target was delivered to; what has an id that the server gave, to be found at once."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("target", sa.Column("url", sa.String(), nullable=True))
    op.create_index(
        "resource_given",
        "resource",
        ["target_id"],
        unique=False,
        sqlite_where=sa.text("server_id IS NOT NULL"),
        postgresql_where=sa.text("server_id IS NOT NULL"),
    )
