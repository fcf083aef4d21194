"""FastAPI and SQLAlchemy 2: a batch goes into PostgreSQL by one `insert` of many rows.

PG_DSN names the database and its driver. uvicorn serves it: contestants/postgresql.py. Core, not
the ORM: it is the faster of the two.
"""

import os

from fastapi import FastAPI, Request, Response
from hires import read
from sqlalchemy import Column, DateTime, ForeignKey, Integer, MetaData, String, Table, insert
from sqlalchemy.ext.asyncio import create_async_engine

hired_employees = Table(
    "hired_employees",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(255), nullable=False),
    Column("datetime", DateTime(timezone=True), nullable=False),
    Column("department_id", ForeignKey("departments.id"), type_=Integer, nullable=False),
    Column("job_id", ForeignKey("jobs.id"), type_=Integer, nullable=False),
)
engine = create_async_engine(os.environ["PG_DSN"], pool_size=16)
app = FastAPI()


@app.post("/rows")
async def insert_rows(request: Request) -> Response:
    """Answers when the batch is committed."""
    rows = read(await request.body())
    async with engine.begin() as connection:
        await connection.execute(insert(hired_employees), rows)
    return Response(b'{"received":%d}' % len(rows), 201, media_type="application/json")
