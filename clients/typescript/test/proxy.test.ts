import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ScripClient } from "../src/index.js";
import { Spool } from "../src/spool/index.js";

type Step = Response | "lost";

const html = (status: number) => new Response("<html>proxy</html>", { status });
const json = (status: number, body: object) => new Response(JSON.stringify(body), { status });
const held = { type: "hold", referenceId: "h", userId: "ada", status: "completed", held: 5 };
const invalidToken = json(401, { code: "invalid_token", detail: "no" });

/** A client whose requests get these responses, the last one again and again. */
function client(...steps: Step[]) {
  const bodies: string[] = [];
  const fake = (async (_: unknown, init?: RequestInit) => {
    bodies.push(String(init?.body));
    const step = steps.length > 1 ? steps.shift() : steps[0];
    if (step === "lost" || !step) throw new TypeError("fetch failed");
    return step.clone();
  }) as typeof fetch;
  const options = { url: "http://api", token: "t", timeoutMs: 60, retry: { minDelayMs: 1 } };
  return { scrip: new ScripClient({ ...options, fetch: fake }), bodies };
}

const command = { type: "consume", referenceId: "r", userId: "ada", service: "s" } as const;

test("a response that is not from the API is repeated, and is unreachable at the end", async () => {
  for (const status of [200, 302, 400, 401, 403, 404, 413, 500, 502, 521, 522, 524, 530]) {
    const repeated = client(html(status), html(status), json(200, held));
    const outcome = await repeated.scrip.consume(command, { timeoutMs: 30_000 });
    assert.equal(outcome.status, "completed");
    assert.equal(repeated.bodies.length, 3, `${status}`);
    const { scrip } = client(html(status));
    await assert.rejects(scrip.consume(command), (error: Error & { code: string }) => {
      assert.match(error.message, new RegExp(`http_${status}`));
      return error.code === "unreachable";
    });
  }
  const internal = json(500, { code: "internal", detail: "a defect" });
  await assert.rejects(client(internal).scrip.consume(command), { code: "unreachable" });
});

test("a spool keeps commands behind a proxy that refuses, and puts none aside", async () => {
  const folder = await mkdtemp(join(tmpdir(), "scrip-proxy-"));
  const path = join(folder, "spool");
  for (const status of [403, 404, 413, 530]) {
    const spool = await Spool.open({ ledger: client(html(status)).scrip, path, timeoutMs: 30 });
    const { status: kept } = await spool.publish({ ...command, referenceId: `r-${status}` });
    assert.equal(kept, "spooled");
    await assert.rejects(spool.flush(), { code: "unreachable" });
    await spool.close();
  }
  await assert.rejects(readFile(`${path}.rejected`), { code: "ENOENT" });
  const spool = await Spool.open({ ledger: client(html(403)).scrip, path });
  assert.equal(spool.length, 4);
  await spool.close();
  await rm(folder, { recursive: true });
});

test("a guard does not release after a capture that may be applied", async () => {
  for (const first of ["lost", html(524)] as const) {
    const { scrip, bodies } = client(json(200, held), first, invalidToken);
    {
      await using hold = await scrip.hold({ ...command, referenceId: "h" });
      await assert.rejects(hold.capture({}, { timeoutMs: 30_000 }), { code: "invalid_token", mayBeApplied: true });
    }
    assert.equal(bodies.filter((body) => body.includes('"release"')).length, 0);
  }
});

test("a guard releases after a capture that was not applied", async () => {
  const { scrip, bodies } = client(json(200, held), invalidToken);
  {
    await using hold = await scrip.hold({ ...command, referenceId: "h" });
    await assert.rejects(hold.capture({}, { timeoutMs: 30_000 }), { code: "invalid_token", mayBeApplied: false });
  }
  assert.equal(bodies.filter((body) => body.includes('"release"')).length, 1);
});
