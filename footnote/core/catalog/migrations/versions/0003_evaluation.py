"""Evaluation: which documents a case quotes, how far a run is, which turns it asked, and one opinion of each reader on a turn."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("turns", schema=None) as batch_op:
        batch_op.add_column(sa.Column("run_id", sa.String(length=64), nullable=True))
        batch_op.create_index(batch_op.f("ix_turns_run_id"), ["run_id"], unique=False)

    _keep_the_last_feedback()
    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.create_unique_constraint("uq_feedback_turn_id_owner", ["turn_id", "owner"])

    op.create_table(
        "evaluation_case_attachments",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("attachment_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["evaluation_cases.id"], name=op.f("fk_evaluation_case_attachments_case_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("case_id", "attachment_id", name=op.f("pk_evaluation_case_attachments")),
    )
    with op.batch_alter_table("evaluation_case_attachments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_evaluation_case_attachments_attachment_id"), ["attachment_id"], unique=False)
    _cases, _links = _tables()
    quoted = sa.select(_cases.c.id, _cases.c.attachment_id).where(_cases.c.attachment_id.is_not(None))
    op.get_bind().execute(sa.insert(_links).from_select(["case_id", "attachment_id"], quoted))

    with op.batch_alter_table("evaluation_cases", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ordinal", sa.Integer(), nullable=False, server_default=sa.text("0")))
    _number_the_cases()
    _tell_cases_apart()
    with op.batch_alter_table("evaluation_cases", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_evaluation_cases_attachment_id"))
        batch_op.drop_column("attachment_id")
        batch_op.drop_index(batch_op.f("ix_evaluation_cases_set_id"))
        batch_op.create_unique_constraint("uq_evaluation_cases_set_id_key", ["set_id", "key"])
        batch_op.create_index(batch_op.f("ix_evaluation_cases_turn_id"), ["turn_id"], unique=False)
        batch_op.create_index("ix_evaluation_cases_set_id_ordinal", ["set_id", "ordinal"], unique=False)

    with op.batch_alter_table("evaluation_runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("state", sa.String(length=16), nullable=False, server_default=sa.text("'queued'")))
        batch_op.add_column(sa.Column("counts", sa.JSON(), nullable=False, server_default=sa.text("'{}'")))
        batch_op.add_column(sa.Column("error_code", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("eval_id", sa.String(length=64), nullable=True))
        batch_op.create_index(batch_op.f("ix_evaluation_runs_eval_id"), ["eval_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_evaluation_runs_state"), ["state"], unique=False)
    op.create_table(
        "evals",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("principals", sa.JSON(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("data_source", sa.JSON(), nullable=False),
        sa.Column("criteria", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evals")),
    )
    with op.batch_alter_table("case_scores", schema=None) as batch_op:
        batch_op.add_column(sa.Column("details", sa.JSON(), nullable=False, server_default=sa.text("'{}'")))

    op.create_table(
        "run_answers",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("turn_id", sa.String(length=64), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("judges", sa.JSON(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["evaluation_cases.id"], name=op.f("fk_run_answers_case_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["run_id"], ["evaluation_runs.id"], name=op.f("fk_run_answers_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "case_id", name=op.f("pk_run_answers")),
    )
    with op.batch_alter_table("run_answers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_answers_turn_id"), ["turn_id"], unique=False)

    op.create_table(
        "judge_qualities",
        sa.Column("judge", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("labels_sha256", sa.String(length=64), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("judge", "revision", "labels_sha256", name=op.f("pk_judge_qualities")),
    )

    op.create_table(
        "nights",
        sa.Column("moment", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("moment", name=op.f("pk_nights")),
    )
    op.create_table(
        "night_runs",
        sa.Column("moment", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("set_name", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("moment", "owner", "set_name", name=op.f("pk_night_runs")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alerts_name"), ["name"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("report_id", sa.String(length=64), nullable=True),
        sa.Column("alert_id", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("n_tries", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_deliveries_alert_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_deliveries_report_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("alert_id", "channel", name=op.f("uq_deliveries_alert_id_channel")),
        sa.UniqueConstraint("report_id", "channel", name=op.f("uq_deliveries_report_id_channel")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deliveries_state"), ["state"], unique=False)


def downgrade() -> None:
    for table in ("deliveries", "alerts", "night_runs", "nights"):
        op.drop_table(table)
    op.drop_table("judge_qualities")
    op.drop_table("run_answers")
    with op.batch_alter_table("case_scores", schema=None) as batch_op:
        batch_op.drop_column("details")
    op.drop_table("evals")
    with op.batch_alter_table("evaluation_runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_evaluation_runs_state"))
        batch_op.drop_index(batch_op.f("ix_evaluation_runs_eval_id"))
        batch_op.drop_column("eval_id")
        batch_op.drop_column("error_code")
        batch_op.drop_column("counts")
        batch_op.drop_column("state")
    with op.batch_alter_table("evaluation_cases", schema=None) as batch_op:
        batch_op.drop_index("ix_evaluation_cases_set_id_ordinal")
        batch_op.drop_index(batch_op.f("ix_evaluation_cases_turn_id"))
        batch_op.drop_constraint("uq_evaluation_cases_set_id_key", type_="unique")
        batch_op.create_index(batch_op.f("ix_evaluation_cases_set_id"), ["set_id"], unique=False)
        batch_op.drop_column("ordinal")
        batch_op.add_column(sa.Column("attachment_id", sa.String(length=64), nullable=True))
        batch_op.create_index(batch_op.f("ix_evaluation_cases_attachment_id"), ["attachment_id"], unique=False)
    cases, links = _tables()
    one = sa.select(sa.func.min(links.c.attachment_id)).where(links.c.case_id == cases.c.id).scalar_subquery()
    op.get_bind().execute(sa.update(cases).values(attachment_id=one))
    op.drop_table("evaluation_case_attachments")
    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.drop_constraint("uq_feedback_turn_id_owner", type_="unique")
    with op.batch_alter_table("turns", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_turns_run_id"))
        batch_op.drop_column("run_id")


def _tables() -> tuple[sa.TableClause, sa.TableClause]:
    cases = sa.table("evaluation_cases", *(sa.column(name) for name in ("id", "set_id", "key", "attachment_id", "ordinal")))
    return cases, sa.table("evaluation_case_attachments", sa.column("case_id"), sa.column("attachment_id"))


def _keep_the_last_feedback() -> None:
    """Delete what its owner has said otherwise since; ids sort by creation."""
    feedback = sa.table("feedback", *(sa.column(name) for name in ("id", "turn_id", "owner")))
    newest = sa.select(sa.func.max(feedback.c.id)).group_by(feedback.c.turn_id, feedback.c.owner)
    op.get_bind().execute(sa.delete(feedback).where(feedback.c.id.not_in(newest)))


def _number_the_cases() -> None:
    """Number the cases of each set in the order in which they were made."""
    connection = op.get_bind()
    cases, _ = _tables()
    places: dict[str, int] = {}
    for row in connection.execute(sa.select(cases.c.id, cases.c.set_id).order_by(cases.c.set_id, cases.c.id)).all():
        place = places.get(row.set_id, 0)
        connection.execute(sa.update(cases).where(cases.c.id == row.id).values(ordinal=place))
        places[row.set_id] = place + 1


def _tell_cases_apart() -> None:
    """Add its id to the key of a case that has the key of an earlier one of its set: from now on they differ, and scores refer to both."""
    cases, _ = _tables()
    first = sa.select(sa.func.min(cases.c.id)).group_by(cases.c.set_id, cases.c.key)
    op.get_bind().execute(sa.update(cases).where(cases.c.id.not_in(first)).values(key=cases.c.key.concat("#").concat(cases.c.id)))
