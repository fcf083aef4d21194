"""FastAPI and asyncpg: a batch goes into PostgreSQL by COPY, a transaction each.

PG_DSN names the database. uvicorn serves it: contestants/postgresql.py.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import itemgetter

import asyncpg
from fastapi import FastAPI, Request, Response
from hires import Hire, read

COLUMNS = list(Hire.__annotations__)
values = itemgetter(*COLUMNS)


@asynccontextmanager
async def pool(app: FastAPI) -> AsyncIterator[None]:
    """Connections for 16 requests at a time in each worker."""
    async with asyncpg.create_pool(os.environ["PG_DSN"], min_size=4, max_size=16) as app.state.pool:
        yield


app = FastAPI(lifespan=pool)


@app.post("/rows")
async def insert(request: Request) -> Response:
    """Answers when the batch is committed."""
    rows = read(await request.body())
    async with request.app.state.pool.acquire() as connection:
        await connection.copy_records_to_table(
            "hired_employees", records=map(values, rows), columns=COLUMNS
        )
    return Response(b'{"received":%d}' % len(rows), 201, media_type="application/json")
