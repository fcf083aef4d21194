"""Tables with keys of several columns, references by them, and references to the own table."""

from pathlib import Path

from tests.support.projects import Project

KEY = "constraints: [{type: primary_key}]"
ORDERS = f"""
- name: id
  data_type: varchar
  description: Number of the order.
  {KEY}
  data_tests: [not_null, unique]
"""
LINES = """
- name: order_id
  data_type: varchar
  description: The order.
  data_tests:
    - not_null
    - relationships: {arguments: {to: ref('orders'), field: id}}
- name: line_no
  data_type: integer
  description: Number of the line.
  data_tests: [not_null, {in_range: {arguments: {min: 1}}}]
- name: product
  data_type: varchar
  description: What was ordered.
- name: price
  data_type: decimal(10,2)
  description: What it costs.
"""
SHIPMENTS = f"""
- name: id
  data_type: integer
  description: Number of the shipment.
  {KEY}
  data_tests: [not_null, unique]
- name: order_id
  data_type: varchar
  description: The order that is shipped.
- name: line_no
  data_type: integer
  description: The line of it.
"""
TAGS = """
- name: order_id
  data_type: varchar
  description: The order.
  data_tests:
    - not_null
    - relationships: {arguments: {to: ref('orders'), field: id}}
- name: day
  data_type: date
  description: The day that it is marked with.
  data_tests: [not_null]
"""
EMPLOYEES = f"""
- name: id
  data_type: integer
  description: Number of the employee.
  {KEY}
  data_tests: [not_null, unique]
- name: email
  data_type: varchar
  description: Address.
  data_tests: [not_null, unique]
- name: manager_id
  data_type: integer
  description: Whom the employee reports to.
  data_tests:
    - relationships: {{arguments: {{to: ref('employees'), field: id}}}}
"""
SEATS = f"""
- name: id
  data_type: integer
  description: Number of the seat.
  {KEY}
  data_tests: [not_null, unique]
- name: room
  data_type: varchar
  description: The room it stands in.
- name: place
  data_type: smallint
  description: Its place there.
"""
OF_SHIPMENTS = (
    "relationships_of_columns: {arguments: {columns: [order_id, line_no],"
    " to: ref('order_lines'), fields: [order_id, line_no]}}"
)
HISTORY = {
    "orders": 'id\nA-1\n"B,2"\nC/3%\n',
    "order_lines": (
        "order_id,line_no,product,price\n"
        "A-1,1,pen,1.50\n"
        "A-1,2,ink,2.50\n"
        '"B,2",1,cup,3.00\n'
        "C/3%,1,mug,4.00\n"
        "A-1,2,ink,2.50\n"  # already present
        "A-1,1,other,9.00\n"  # conflict
        "Z-9,1,none,1.00\n"  # no order
        ",4,none,1.00\n"  # no key
    ),
    "shipments": 'id,order_id,line_no\n1,A-1,1\n2,A-1,9\n3,A-1,\n4,"B,2",1\n',
    "tags": "order_id,day\nA-1,2021-07-27\nA-1,2021-07-28\nA-1,2021-07-27\n",
    "seats": "id,room,place\n1,a,1\n2,a,2\n3,a,1\n4,a,\n5,,1\n6,a,\n2,a,2\n",
    "employees": (
        "id,email,manager_id\n"
        "1,a@x,2\n"  # a later line
        "2,b@x,3\n"
        "3,c@x,1\n"  # a circle
        "4,d@x,5\n"  # of one that is an orphan
        "5,e@x,99\n"
        "6,f@x,6\n"  # its own
        "7,a@x,\n"  # its address is taken
        "8,h@x,7\n"  # of one that does not go in
        "9,i@x,8\n"
    ),
}


def key_project(folder: Path) -> Project:
    """A project of such tables alone, with their history, not built yet."""
    project = Project(folder)
    project.leave_out_tables()
    project.model("orders", ORDERS)
    project.model("order_lines", LINES, "orders")
    together(project, "order_lines", "order_id", "line_no")
    project.model("shipments", SHIPMENTS, "order_lines")
    tests = "[history_accounted_for"
    project.change("shipments", f"{tests}]", f"{tests}, {{{OF_SHIPMENTS}}}]")
    project.model("tags", TAGS, "orders")
    together(project, "tags", "order_id", "day")
    project.model("employees", EMPLOYEES)
    project.model("seats", SEATS)
    project.change("seats", f"{tests}]", f"{tests}, {{{unique_together('room', 'place')}}}]")
    for name, text in HISTORY.items():
        project.write(name, text)
    return project


def unique_together(*names: str) -> str:
    """The rule of a table whose rows differ in some of these columns."""
    columns = f"[{', '.join(names)}]"
    return f"unique_combination_of_columns: {{arguments: {{combination_of_columns: {columns}}}}}"


def together(project: Project, table: str, *names: str) -> None:
    """Makes columns the primary key of a table."""
    project.change(
        table,
        "    data_tests: [history_accounted_for]",
        f"    constraints: [{{type: primary_key, columns: [{', '.join(names)}]}}]\n"
        f"    data_tests: [history_accounted_for, {{{unique_together(*names)}}}]",
    )
