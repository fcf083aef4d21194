"""What tests work with: real parts, and data to put into them."""

from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
# For tests that put loads on record by hand; what is not named is NULL.
LOADS = (
    "ops.loads (load_id, table_name, kind, source, status, received, accepted, rejected,"
    " already_present, started_at, finished_at, actor, detail)"
)
