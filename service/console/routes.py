"""All that is for people, besides what is for programs (api/v1/controllers.py)."""

from service.console.dictionary_pages import DictionaryPages
from service.console.insert_pages import InsertPages
from service.console.login_pages import LoginPages
from service.console.start_page import StartPage
from service.console.static_files import StaticController
from service.console.table_pages import TablePages

PAGES = [
    StartPage,
    TablePages,
    InsertPages,
    DictionaryPages,
    LoginPages,
    StaticController,
]
