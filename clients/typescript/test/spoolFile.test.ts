import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { SpoolFile } from "../src/spool/file.js";

let folder: string;
before(async () => void (folder = await mkdtemp(join(tmpdir(), "scrip-spool-"))));
after(() => rm(folder, { recursive: true }));

const open = (name: string, maxBytes = 1 << 24) => SpoolFile.open(join(folder, name), maxBytes);
const texts = (file: SpoolFile) => file.first(Infinity, Infinity);

test("a spool that is opened twice keeps what both have appended", async () => {
  const first = await open("twice");
  await first.append("A");
  const second = await open("twice");
  assert.deepEqual(texts(second), ["A"]);
  await second.append("B");
  await first.remove(1); // it has sent A
  await first.append("C");
  const third = await open("twice");
  assert.deepEqual(texts(third).sort(), ["A", "B", "C"]);
  for (const file of [first, second, third]) await file.close();
});

test("a text that is appended while its file is taken over survives", async () => {
  const first = await open("taken");
  await first.append("A");
  const takers: Promise<SpoolFile>[] = [];
  for (let number = 0; number < 50; number += 1) {
    if (number % 5 === 0) takers.push(open("taken"));
    await first.append(String(number));
  }
  for (const taker of await Promise.all(takers)) await taker.close();
  await first.close();
  const last = await open("taken");
  const found = new Set(texts(last));
  for (let number = 0; number < 50; number += 1) assert.ok(found.has(String(number)), `${number}`);
  await last.close();
});

test("processes that share a spool and are killed lose no text", async () => {
  const child = join(import.meta.dirname, "spoolFileChild.js");
  const safe: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    const running = [0, 1, 2].map(async (number) => {
      const words = [child, join(folder, "shared"), `${round}${number}`];
      const process = spawn("node", words, { stdio: ["ignore", "pipe", "inherit"] });
      let lines = 0;
      for await (const line of createInterface(process.stdout)) {
        safe.push(line);
        if ((lines += 1) === 20 + 10 * number) process.kill("SIGKILL");
      }
      if (process.signalCode === null) await once(process, "exit");
      assert.equal(process.signalCode, "SIGKILL");
    });
    await Promise.all(running);
  }
  const file = await open("shared");
  const found = new Set(texts(file));
  assert.deepEqual(safe.filter((text) => !found.has(text)), []);
  await file.remove(file.length);
  await file.close();
  assert.deepEqual((await readdir(folder)).filter((name) => name.startsWith("shared")), []);
});

test("a file without space for its removed texts is replaced", async () => {
  const file = await open("full", 40);
  await file.append("first");
  await file.append("second");
  await assert.rejects(file.append("third"), { code: "spool_full" });
  await file.remove(1);
  await file.append("third");
  await file.close();
  const again = await open("full", 40);
  assert.deepEqual(texts(again), ["second", "third"]);
  await again.close();
});
