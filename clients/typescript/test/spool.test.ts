import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { UnreachableError, type ScripClient } from "../src/index.js";
import { Spool } from "../src/spool/index.js";
import { PRICE, START, consumption, fund } from "./load.js";
import { Server } from "./server.js";

let server: Server;
let scrip: ScripClient;
before(async () => {
  server = await Server.start();
  scrip = server.client({ retry: { maxDelayMs: 50 } });
  await fund(scrip, "ada");
});
after(() => server.end());

const path = (name: string) => join(server.folder, name);
const open = (name: string, maxBytes = 1 << 20, timeoutMs = 1_000) =>
  Spool.open({ ledger: scrip, path: path(name), maxBytes, timeoutMs });
/** The names of the files that have commands of a spool. */
const filesOf = async (name: string) =>
  (await readdir(server.folder)).filter((entry) => entry.startsWith(`${name}.`));
const consume = (userId: string, number: number) =>
  ({ type: "consume", ...consumption(userId, number) }) as const;

/** Flushes until the server takes commands: it does so a moment after it has started. */
async function flush(spool: Spool): Promise<void> {
  while (spool.length > 0) {
    await spool.flush().catch((error: unknown) => {
      if (!(error instanceof UnreachableError)) throw error;
    });
  }
}

test("commands are kept while the server is away, and are sent in order", async () => {
  await fund(scrip, "bob");
  const direct = await open("order", 1 << 20, 30_000);
  assert.equal((await direct.publish(consume("bob", 0))).status, "accepted");
  await direct.close();
  const spool = await open("order");
  await server.stop();
  const kept = [];
  for (let number = 1; number <= 50; number += 1) {
    kept.push((await spool.publish(consume("bob", number))).status);
  }
  assert.deepEqual(new Set(kept), new Set(["spooled"]));
  await assert.rejects(spool.flush(), { code: "unreachable" });
  assert.equal(spool.length, 50);
  await server.run();
  await flush(spool);
  assert.equal(spool.length, 0);
  await scrip.sendAll([consume("bob", 51)]);
  const { items } = await scrip.transactions("bob", { pageSize: 100 });
  const references = items.map(({ referenceId }) => referenceId).reverse();
  const expected = Array.from({ length: 52 }, (_, number) => `bob-${number}`);
  assert.deepEqual(references, ["pi-bob", ...expected]);
  await spool.close();
  assert.deepEqual(await filesOf("order"), []);
});

test("a killed process loses no command that was safe", async () => {
  const child = join(import.meta.dirname, "spoolChild.js");
  let safe = 0;
  for (const [round, wanted] of [40, 25, 60, 10].entries()) {
    // In the second round the server goes away, and it comes back in the last one.
    if (round === 1) await server.stop();
    if (round === 3) await server.run();
    const words = [child, server.url, server.token, path("killed"), String(safe)];
    const process = spawn("node", words, { stdio: ["ignore", "pipe", "inherit"] });
    const first = safe;
    for await (const line of createInterface(process.stdout)) {
      safe = Number(line) + 1;
      if (safe - first === wanted) process.kill("SIGKILL");
    }
    if (process.signalCode === null) await once(process, "exit");
    assert.equal(process.signalCode, "SIGKILL");
  }
  const spool = await open("killed");
  await flush(spool);
  await spool.close();
  const { items } = await scrip.transactions("ada", { pageSize: 1 });
  const last = await scrip.sendAll([consume("ada", safe + 1_000)]);
  assert.equal(last[0]?.status, "completed");
  assert.ok(items.length > 0);
  // The process may have sent commands whose number it could not print any more.
  const spent = (START - (await scrip.balance("ada")).balance) / PRICE - 1;
  assert.ok(spent >= safe, `${spent} of at least ${safe}`);
  for (let number = 0; number < safe; number += 1) {
    assert.ok(await scrip.outcome("usage", `ada-${number}`), `ada-${number} was lost`);
  }
});

test("a spool is bounded", async () => {
  const spool = await open("small", 300);
  await server.stop();
  await spool.publish(consume("ada", 5_000));
  await spool.publish(consume("ada", 5_001));
  await assert.rejects(spool.publish(consume("ada", 5_002)), { code: "spool_full" });
  await spool.close();
  await assert.rejects(spool.publish(consume("ada", 5_003)), { code: "spool_closed" });
  await server.run();
  const again = await open("small", 300);
  assert.equal(again.length, 2);
  await flush(again);
  await again.close();
});

test("a command that the server does not understand is put aside", async () => {
  await server.stop();
  const spool = await open("wrong");
  await spool.publish(consume("ada", 6_000));
  await spool.publish({ ...consume("ada", 6_001), quantity: 1.5 });
  await spool.publish(consume("ada", 6_002));
  await server.run();
  await flush(spool);
  assert.equal(spool.length, 0);
  await spool.close();
  const rejected = JSON.parse(await readFile(path("wrong.rejected"), "utf8"));
  assert.deepEqual([rejected.code, rejected.command.referenceId], ["invalid_field", "ada-6001"]);
  const outcomes = await scrip.sendAll([consume("ada", 6_000), consume("ada", 6_002)]);
  assert.deepEqual(outcomes.map((outcome) => "replayed" in outcome && outcome.replayed), [true, true]);
});

test("a line that a crash cut off is dropped, and a damaged one is an error", async () => {
  await server.stop();
  const spool = await open("torn");
  await spool.publish(consume("ada", 7_000));
  await spool.publish(consume("ada", 7_001));
  await spool.close();
  const [name = ""] = await filesOf("torn");
  const good = await readFile(path(name), "utf8");
  await appendFile(path(name), good.slice(0, 50));
  const opened = await open("torn");
  assert.equal(opened.length, 2);
  await opened.close();
  const other = path(`torn.${"0".repeat(32)}`);
  await writeFile(other, good.replace("ada-7000", "ada-9999"));
  await assert.rejects(open("torn"), { code: "spool_damaged" });
  await server.run();
});
