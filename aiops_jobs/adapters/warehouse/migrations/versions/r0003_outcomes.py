"""What closed tickets taught about our causes; confidence before and after."""

from __future__ import annotations

from aiops_jobs.adapters.warehouse.migrations.notation import add_columns, create_tables

revision = "0003"
down_revision = "0002"

SCHEMA = """
cause_evaluations: window_start window_end
    index run_id
    window_start:instant! window_end:instant! calibration_version:text! slope:number! shift:number!
    sample_count:integer! first_hit_ratio:number top3_hit_ratio:number top5_mean_hit_ratio:number
    raw_calibration_error:number calibration_error:number policy_version:text! run_id:text! as_of:instant!
    code_version:text! config_hash:text! input_manifest_id:text
"""


def upgrade() -> None:
    """Add the table and the columns."""
    create_tables(SCHEMA)
    add_columns("root_causes", "raw_confidence_ratio:number calibration_version:text")
