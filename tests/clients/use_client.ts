// Uses the client that openapi-typescript makes of the document. It is compiled strictly, so a type
// that the document has wrong or open is an error; what it prints is looked at by the test.
import createClient from "openapi-fetch";
import type { paths } from "./schema";

declare const process: { argv: string[] };

const client = createClient<paths>({ baseUrl: process.argv[2] });

function given<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) {
    throw new Error(`${answer.response.status} ${JSON.stringify(answer.error)}`);
  }
  return answer.data;
}

const hire = {
  id: 7001,
  name: "Ada",
  datetime: "2021-12-10T09:00:00.123456000+00:00",
  department_id: 3,
  job_id: 7,
};
const HIRES = "/v1/tables/hired_employees/rows";
const inserted = await client.POST(HIRES, { body: [hire] });
const mixed = await client.POST(HIRES, {
  body: [{ ...hire, id: 7002 }, { ...hire, id: 7003, department_id: 99 }],
});
const refused = await client.POST(HIRES, { body: [hire] });

const once = { header: { "Idempotency-Key": "typescript" } };
const row = { id: 7001, job: "Typist" };
const [first, second] = [
  await client.POST("/v1/tables/jobs/rows", { params: once, body: row }),
  await client.POST("/v1/tables/jobs/rows", { params: once, body: row }),
];

const names: string[] = [];
let after: string | undefined;
do {
  const query = { limit: 100, after };
  const page = given(await client.GET("/v1/tables/jobs/rows", { params: { query } }));
  names.push(...page.rows.map((each) => each.job ?? ""));
  after = page.next ?? undefined;
} while (after !== undefined);

const backup = given(await client.POST("/v1/tables/jobs/backups", {}));
const plan = given(
  await client.POST("/v1/tables/jobs/restore", {
    body: { backup_id: backup.backup_id, dry_run: true },
  }),
);

const rejection = given(mixed).rejections[0];
const path = { rejection_id: rejection?.rejection_id ?? "" };
const replayed = await client.POST("/v1/rejections/{rejection_id}/replay", {
  params: { path },
  body: { ...hire, id: 7003 },
});
const audit = given(await client.GET("/v1/audit"));

console.log(
  JSON.stringify({
    inserted: [inserted.response.status, given(inserted).accepted],
    mixed: [mixed.response.status, given(mixed).rejected, rejection?.violations[0]?.rule],
    refused: [refused.response.status, refused.error?.title],
    repeated: [
      given(first).load_id === given(second).load_id,
      second.response.headers.get("Idempotency-Replayed"),
    ],
    names: [names.length, names.at(-1)],
    backup: [backup.table, backup.rows],
    plan: [plan.added, plan.removed, plan.changed, plan.load_id],
    replayed: [replayed.response.status, given(replayed).accepted],
    audit: audit.ok,
  }),
);
