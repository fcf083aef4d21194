"""Texts that do harm where someone takes them for more than text."""

SQL = [
    "'; drop table core.departments; --",
    "'); delete from core.jobs; --",
    "' or '1'='1",
    '" or "1"="1',
    '"; drop schema ops cascade; --',
    "1; select 1",
    "1 or 1=1",
    "*/ select 1 /*",
    "x' union select * from ops.idempotency --",
    "$1",
    "?",
    "read_csv('/etc/passwd')",
    "(select count(*) from duckdb_tables())",
    "'; copy core.jobs to '/srv/stolen.csv'; --",
    "'; attach '/srv/other.duckdb'; --",
    "'; install httpfs; --",
    "'; pragma database_list; --",
    "getenv('HOME')",
    "\\'; checkpoint; --",
    "%27%3B%20drop%20table%20core.jobs%3B--",
    "{{ var('x') }}",
    "{% set x = 1 %}",
]
LINES = [
    "a\r\nX-Injected: yes",
    "a\nX-Injected: yes",
    "a\rX-Injected: yes",
    "a\r\n\r\n<script>alert(1)</script>",
    "a\u010d\u010aX-Injected: yes",  # whose low bytes are CR and LF
    "a\u2028X-Injected: yes",
    "a\x85X-Injected: yes",
    'a"; filename="/etc/passwd',
    '>; rel="next", <http://evil.example/>; rel="next',
]
LOG = [
    "\n2026-01-01T00:00:00Z [info] forged",
    '"}\n{"event": "forged"}',
    '", "event": "forged',
    "\x1b[2J\x1b[31mred",
    "\x9b31m",
    "\u2028forged",
    "\u202eforged",
    "\x07\x08\x7f",
    "%s%n%(event)s{event}",
]
PATHS = [
    "../departments",
    "..%2f..%2fetc/passwd",
    "....//",
    "/etc/passwd",
    "\\..\\..\\x",
    "departments\0",
    "departments\u200b",
    "dep\u0430rtments",  # with a Cyrillic a
    "ｄｅｐａｒｔｍｅｎｔｓ",
    "departments/",
    "departments.",
    "DEPARTMENTS",
    "file:///etc/passwd",
    "~root",
    "a" * 5000,
]
EVERY = [*SQL, *LINES, *LOG, *PATHS]
