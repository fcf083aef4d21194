"""All controllers, in the order of the contract."""

from service.api.audit import AuditController
from service.api.backups import BackupController
from service.api.builds import BuildController
from service.api.files import FileController
from service.api.health import HealthController
from service.api.index import IndexController
from service.api.inserting import InsertController
from service.api.keys import KeyController
from service.api.loads import LoadController
from service.api.openapi import SchemaController
from service.api.reading import ReadController
from service.api.rejections import RejectionController
from service.api.replaying import ReplayController
from service.api.reports import ReportController
from service.api.restoring import RestoreController
from service.api.tables import TableController
from service.api.trail import TrailController


class RowController(ReadController, InsertController):
    """Rows, out and in: Litestar wants the methods of one path in one controller."""


CONTROLLERS = [
    TableController,
    RowController,
    FileController,
    LoadController,
    RejectionController,
    ReplayController,
    AuditController,
    BackupController,
    RestoreController,
    BuildController,
    ReportController,
    KeyController,
    TrailController,
    HealthController,
    SchemaController,
    IndexController,
]
