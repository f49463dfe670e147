import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

/** The files that the module in `path` imports, itself included. */
async function imports(path: URL, found = new Set<string>()): Promise<Set<string>> {
  if (found.has(path.href)) return found;
  found.add(path.href);
  const text = await readFile(path, "utf8");
  for (const [, name = ""] of text.matchAll(/(?:from|import) ?\(?"([^"]+)"/g)) {
    if (name.startsWith(".")) await imports(new URL(name, path), found);
    else found.add(name);
  }
  return found;
}

test("the entry point for HTTP imports nothing from outside", async () => {
  const all = await imports(new URL("../src/index.js", import.meta.url));
  assert.deepEqual([...all].filter((name) => !name.startsWith("file:")), []);
  assert.ok(all.size > 5);
});

test("no file for HTTP names what only Node.js has", async () => {
  const all = await imports(new URL("../src/index.js", import.meta.url));
  for (const path of all) {
    assert.doesNotMatch(await readFile(new URL(path), "utf8"), /\b(Buffer|process|require)\b/, path);
  }
  assert.ok((await readdir(new URL("../src/", import.meta.url))).length > 5);
});
