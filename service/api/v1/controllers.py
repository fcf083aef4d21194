"""All controllers, one for each resource, in the order of the contract."""

from service.api.v1.audit import AuditController
from service.api.v1.backups import BackupController
from service.api.v1.builds import BuildController
from service.api.v1.changes import ChangeController
from service.api.v1.copies import CopyController
from service.api.v1.dictionary import DictionaryController
from service.api.v1.differences import DifferenceController
from service.api.v1.docs_site import DocsSiteController
from service.api.v1.erasures import ErasureController
from service.api.v1.facets import FacetController
from service.api.v1.files import FileController
from service.api.v1.health import HealthController
from service.api.v1.hooks import HookController
from service.api.v1.inserts import InsertController
from service.api.v1.keys import KeyController
from service.api.v1.lake import LakeController
from service.api.v1.loads import LoadController
from service.api.v1.rejections import RejectionController
from service.api.v1.replays import ReplayController
from service.api.v1.reports import ReportController
from service.api.v1.restores import RestoreController
from service.api.v1.row_changes import RowChangeController
from service.api.v1.row_history import RowHistoryController
from service.api.v1.row_warnings import WarningController
from service.api.v1.rows import ReadController
from service.api.v1.tables import TableController
from service.api.v1.tasks import TaskController
from service.api.v1.trail import TrailController


class RowController(ReadController, InsertController, RowChangeController):
    """Rows, out and in, and changed: Litestar wants the methods of one path in one controller."""


CONTROLLERS = [
    TableController,
    DictionaryController,
    RowController,
    RowHistoryController,
    ErasureController,
    FacetController,
    FileController,
    LoadController,
    RejectionController,
    ReplayController,
    WarningController,
    AuditController,
    LakeController,
    ChangeController,
    BackupController,
    RestoreController,
    DifferenceController,
    TaskController,
    BuildController,
    CopyController,
    ReportController,
    KeyController,
    TrailController,
    HookController,
    HealthController,
    DocsSiteController,
]
