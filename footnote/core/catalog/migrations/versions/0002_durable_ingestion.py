"""Spaces of vectors, re-indexing, near-duplicates, redaction and erased turns."""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "installations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installations")),
    )
    op.create_table(
        "spaces",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("embedding_recipe", sa.JSON(), nullable=False),
        sa.Column("embedder", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_spaces")),
    )
    op.create_table(
        "reindexes",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("collection_id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("chunking", sa.JSON(), nullable=True),
        sa.Column("embedder", sa.JSON(), nullable=True),
        sa.Column("embedding_recipe", sa.JSON(), nullable=False),
        sa.Column("space", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.JSON(), nullable=False),
        sa.Column("comparison", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("flipped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["collection_id"], ["collections.id"], name=op.f("fk_reindexes_collection_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reindexes")),
    )
    with op.batch_alter_table("reindexes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reindexes_collection_id"), ["collection_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_reindexes_state"), ["state"], unique=False)

    with op.batch_alter_table("collections", schema=None) as batch_op:
        batch_op.add_column(sa.Column("space", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("edition", sa.String(length=64), nullable=True))

    with op.batch_alter_table("attachments", schema=None) as batch_op:
        batch_op.drop_constraint("fk_attachments_batch_id", type_="foreignkey")  # a collection goes with both, in no order
        batch_op.drop_column("replaces_id")
        batch_op.add_column(sa.Column("replaced_by_id", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("source", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("took_over", sa.JSON(), nullable=False, server_default=sa.text("'[]'")))
        batch_op.create_index(batch_op.f("ix_attachments_replaced_by_id"), ["replaced_by_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_attachments_source"), ["source"], unique=False)
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("file_expires_after_s", sa.Integer(), nullable=True))
    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_files_filename"), ["filename"], unique=False)

    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("fingerprint", sa.String(length=256), nullable=True))
        batch_op.add_column(sa.Column("near_duplicate_of_id", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("redactions", sa.JSON(), nullable=False, server_default=sa.text("'{}'")))

    op.create_table(
        "document_bands",
        sa.Column("document_id", sa.String(length=64), nullable=False),
        sa.Column("band", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_document_bands_document_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("document_id", "band", name=op.f("pk_document_bands")),
    )
    with op.batch_alter_table("document_bands", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_bands_band"), ["band"], unique=False)

    op.create_table(
        "attribute_changes",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("attachment_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attachment_id"], ["attachments.id"], name=op.f("fk_attribute_changes_attachment_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attribute_changes")),
    )
    with op.batch_alter_table("attribute_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attribute_changes_attachment_id"), ["attachment_id"], unique=False)

    op.create_table(
        "former_attachments",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("file_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_attachments")),
    )
    with op.batch_alter_table("former_attachments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_former_attachments_file_id"), ["file_id"], unique=False)

    with op.batch_alter_table("erasures", schema=None) as batch_op:
        batch_op.add_column(sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_erasures_file_id"), ["file_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_erasures_finished_at"), ["finished_at"], unique=False)

    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cut_offs", sa.Integer(), nullable=False, server_default=sa.text("0")))
        batch_op.create_index("ix_jobs_lease_owner_state", ["lease_owner", "state"], unique=False)
        batch_op.create_index("ix_jobs_state_owner_created_at", ["state", "owner", "created_at", "id"], unique=False)
        batch_op.create_index("ix_jobs_owner_started_at", ["owner", "started_at"], unique=False)
        batch_op.drop_index("ix_jobs_state_created_at")
        batch_op.drop_index("ix_jobs_owner")

    with op.batch_alter_table("turns", schema=None) as batch_op:
        batch_op.add_column(sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("answer_hash", sa.String(length=32), nullable=True))
        batch_op.create_index(batch_op.f("ix_turns_answer_hash"), ["answer_hash"], unique=False)

    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("space", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("edition", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("writer", sa.String(length=96), nullable=True))
        batch_op.add_column(sa.Column("written_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_versions_space"), ["space"], unique=False)
        batch_op.create_index(batch_op.f("ix_versions_writer"), ["writer"], unique=False)
        batch_op.create_index(batch_op.f("ix_versions_edition"), ["edition"], unique=False)
        batch_op.create_index("ix_versions_attachment_id_state", ["attachment_id", "state"], unique=False)
        batch_op.drop_index(batch_op.f("ix_versions_attachment_id"))
    _name_spaces()


def downgrade() -> None:
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_versions_attachment_id"), ["attachment_id"], unique=False)
        batch_op.drop_index("ix_versions_attachment_id_state")
        batch_op.drop_index(batch_op.f("ix_versions_edition"))
        batch_op.drop_index(batch_op.f("ix_versions_space"))
        batch_op.drop_index(batch_op.f("ix_versions_writer"))
        batch_op.drop_column("written_until")
        batch_op.drop_column("writer")
        batch_op.drop_column("edition")
        batch_op.drop_column("space")
    with op.batch_alter_table("turns", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_turns_answer_hash"))
        batch_op.drop_column("answer_hash")
        batch_op.drop_column("erased_at")
    with op.batch_alter_table("erasures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_erasures_finished_at"))
        batch_op.drop_index(batch_op.f("ix_erasures_file_id"))
        batch_op.drop_column("finished_at")
    op.drop_table("former_attachments")
    op.drop_table("attribute_changes")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_owner", ["owner"], unique=False)
        batch_op.create_index("ix_jobs_state_created_at", ["state", "created_at"], unique=False)
        batch_op.drop_index("ix_jobs_owner_started_at")
        batch_op.drop_index("ix_jobs_state_owner_created_at")
        batch_op.drop_index("ix_jobs_lease_owner_state")
        batch_op.drop_column("cut_offs")
    op.drop_table("document_bands")
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.drop_column("redactions")
        batch_op.drop_column("near_duplicate_of_id")
        batch_op.drop_column("fingerprint")
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.drop_column("file_expires_after_s")
    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_files_filename"))
    with op.batch_alter_table("attachments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_attachments_source"))
        batch_op.drop_index(batch_op.f("ix_attachments_replaced_by_id"))
        batch_op.drop_column("took_over")
        batch_op.drop_column("source")
        batch_op.drop_column("replaced_by_id")
        batch_op.add_column(sa.Column("replaces_id", sa.String(length=64), nullable=True))
        batch_op.create_foreign_key("fk_attachments_batch_id", "file_batches", ["batch_id"], ["id"], ondelete="RESTRICT")
    with op.batch_alter_table("collections", schema=None) as batch_op:
        batch_op.drop_column("edition")
        batch_op.drop_column("space")
    op.drop_table("reindexes")
    op.drop_table("spaces")
    op.drop_table("installations")


def _name_spaces() -> None:
    """Say of every version and collection that is there which space its vectors are in; what is live decides for its collection."""
    connection = op.get_bind()
    spaces = sa.table(
        "spaces", sa.column("name"), sa.column("embedding_recipe", sa.JSON), sa.column("embedder", sa.JSON), sa.column("created_at")
    )
    versions = sa.table(
        "versions",
        *(sa.column(name) for name in ("id", "space", "attachment_id", "state", "created_at")),
        sa.column("recipe", sa.JSON),
    )
    attachments = sa.table("attachments", sa.column("id"), sa.column("collection_id"))
    collections = sa.table("collections", sa.column("id"), sa.column("space"), sa.column("embedding_recipe", sa.JSON))
    rows = connection.execute(
        sa.select(versions.c.id, versions.c.recipe, versions.c.created_at, attachments.c.collection_id)
        .select_from(versions.outerjoin(attachments, attachments.c.id == versions.c.attachment_id))
        .order_by(sa.case((versions.c.state == "live", 1), else_=0), versions.c.created_at)
    ).all()
    known: set[str] = set()
    for row in rows:
        embedding = row.recipe.get("embedding")
        if embedding is None:
            continue
        space = hashlib.sha256(json.dumps(embedding, sort_keys=True).encode()).hexdigest()[:16]
        if space not in known:
            known.add(space)
            connection.execute(sa.insert(spaces).values(name=space, embedding_recipe=embedding, created_at=row.created_at))
        connection.execute(sa.update(versions).where(versions.c.id == row.id).values(space=space))
        if row.collection_id is not None:
            connection.execute(
                sa.update(collections).where(collections.c.id == row.collection_id).values(space=space, embedding_recipe=embedding)
            )
