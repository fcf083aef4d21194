"""Where the lake is: in the words of a store, and in Spark's."""

from pathlib import Path

from service.runtime.locations import Location
from service.runtime.settings import Settings


def lake_of(settings: Settings) -> Location:
    """The lake; without one that is said, a folder beside the warehouse for Spark alone."""
    return settings.lake or Location(
        settings.warehouse.with_name(f"{settings.warehouse.name}.lake")
    )


def done_file(settings: Settings) -> Path:
    """The file whose time is that of the last build that was done; it has its last change."""
    return settings.spark_folder / "done"


def spark_path(lake: Location) -> str:
    """The same place as Hadoop's file systems call it: a path, or a URL."""
    if lake.folder is not None:
        return str(lake.folder)
    return lake.plain.replace("s3://", "s3a://", 1) if lake.scheme == "s3" else lake.plain
