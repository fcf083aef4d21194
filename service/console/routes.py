"""All that is for people, besides what is for programs (api/v1/controllers.py)."""

from service.console.api_page import ApiPage
from service.console.audit_pages import BookPages
from service.console.backup_pages import BackupPages
from service.console.builds_pages import BuildPages
from service.console.correction_pages import CorrectionPages
from service.console.dictionary_pages import DictionaryPages
from service.console.difference_pages import DifferencePages
from service.console.hook_pages import HookPages
from service.console.insert_pages import InsertPages
from service.console.key_pages import KeyPages
from service.console.loads_pages import LoadPages
from service.console.login_pages import LoginPages
from service.console.one_row_pages import OneRowPages
from service.console.overview_page import OverviewPage
from service.console.rejection_pages import RejectionPages
from service.console.report_pages import ReportPages
from service.console.restore_pages import RestorePages
from service.console.row_pages import RowPages
from service.console.static_files import StaticController
from service.console.table_pages import TablePages
from service.console.task_pages import TaskPages
from service.console.warning_pages import WarningPages

PAGES = [
    OverviewPage,
    TablePages,
    RowPages,
    OneRowPages,
    RejectionPages,
    CorrectionPages,
    WarningPages,
    InsertPages,
    LoadPages,
    BackupPages,
    RestorePages,
    DifferencePages,
    TaskPages,
    BuildPages,
    ReportPages,
    DictionaryPages,
    ApiPage,
    BookPages,
    KeyPages,
    HookPages,
    LoginPages,
    StaticController,
]
