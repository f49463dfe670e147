/** The file of a spool: lines that survive a crash of the process and of the machine. */
import { randomBytes } from "node:crypto";
import { access, open, readFile, readdir, rename, stat, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { crc32 } from "../crc32.js";
import { ScripError } from "../errors.js";

/** The digits of the checksum and the space behind it. */
const PREFIX = 9;
const TOKEN_BYTES = 16;
const TOKEN = /^[0-9a-f]{32}$/;

/** One line: its text, and its length in the file. */
interface Line {
  text: string;
  bytes: number;
}

/** The file that this object has created. */
interface Own {
  path: string;
  handle: FileHandle;
}

/**
 * A queue of texts in files `{path}.{token}`. Each object appends to a file of its own with a
 * random token, and no file is ever truncated or replaced, so no lock is needed.
 *
 * An object that is opened takes over the texts of all other files: it renames each file, then
 * reads it, copies its texts, and deletes it. Their owners may still run. So `append` looks for the
 * name of its file after the text is on disk: a file that has its name is renamed and read later,
 * with the text. If the name is gone, the texts are written to another file. Then both have them.
 *
 * A line that a crash cut off is dropped: its `append` had not returned.
 */
export class SpoolFile {
  #lines: Line[] = [];
  #bytes = 0;
  /** The bytes at the front of the file that are removed, but still in it. */
  #removed = 0;
  #own: Own | undefined;
  /** Whether the file may end with a part of a line, so that nothing may follow. */
  #isTorn = false;

  private constructor(
    readonly path: string,
    readonly maxBytes: number,
  ) {}

  /** Takes over the texts of earlier objects. */
  static async open(path: string, maxBytes: number): Promise<SpoolFile> {
    const file = new SpoolFile(path, maxBytes);
    const taken = await takeOver(path);
    for (const { lines } of taken) file.#lines.push(...lines);
    file.#bytes = file.#lines.reduce((sum, { bytes }) => sum + bytes, 0);
    if (file.#lines.length > 0) await file.#move();
    for (const { path } of taken) await unlink(path).catch(ifMissing);
    return file;
  }

  /** The number of texts. */
  get length(): number {
    return this.#lines.length;
  }

  /** The first texts: at most `count`, of at most `bytes` together, and at least one. */
  first(count: number, bytes: number): string[] {
    const texts: string[] = [];
    let sum = 0;
    for (const line of this.#lines) {
      sum += line.bytes;
      if (texts.length === count || (texts.length > 0 && sum > bytes)) break;
      texts.push(line.text);
    }
    return texts;
  }

  /** Appends a text. Throws a `ScripError` with the code `spool_full` if it does not fit. */
  async append(text: string): Promise<void> {
    const line = { text, bytes: Buffer.byteLength(text) + PREFIX + 1 };
    if (this.#bytes + line.bytes > this.maxBytes) {
      const limit = `the spool ${this.path} has ${this.#bytes} of at most ${this.maxBytes} bytes`;
      throw new ScripError("spool_full", `${limit}; the command was not kept`);
    }
    const isFull = this.#bytes + this.#removed + line.bytes > this.maxBytes;
    this.#lines.push(line);
    this.#bytes += line.bytes;
    try {
      const own = isFull || this.#isTorn ? undefined : this.#own;
      if (!own || !(await write(own, [line]))) await this.#move();
    } catch (error) {
      this.#lines.pop();
      this.#bytes -= line.bytes;
      this.#isTorn = true;
      throw error;
    }
  }

  /** Removes the first texts. After a crash they may come back. */
  async remove(count: number): Promise<void> {
    const bytes = this.#lines.splice(0, count).reduce((sum, line) => sum + line.bytes, 0);
    this.#bytes -= bytes;
    this.#removed += bytes;
    if (this.#lines.length === 0) await this.#replace(undefined);
  }

  /** Closes the file without the texts that were removed. */
  async close(): Promise<void> {
    if (this.#removed > 0) await this.#move();
    await this.#own?.handle.close();
    this.#own = undefined;
  }

  /** Writes the texts that are left to a new file, and deletes the one before it. */
  async #move(): Promise<void> {
    for (;;) {
      const own = await create(this.path);
      try {
        if (await write(own, this.#lines)) return await this.#replace(own);
        await own.handle.close(); // another object has taken it over
      } catch (error) {
        await discard(own);
        throw error;
      }
    }
  }

  async #replace(own: Own | undefined): Promise<void> {
    const before = this.#own;
    this.#own = own;
    this.#removed = 0;
    this.#isTorn = false;
    if (before) await discard(before);
  }
}

/** Renames and reads the files of a spool, those that were written first at the front. */
async function takeOver(path: string): Promise<{ path: string; lines: Line[] }[]> {
  const found: { name: string; time: number }[] = [];
  const prefix = `${basename(path)}.`;
  for (const entry of await readdir(dirname(path))) {
    if (!entry.startsWith(prefix) || !TOKEN.test(entry.slice(prefix.length))) continue;
    const name = join(dirname(path), entry);
    const status = await stat(name).catch(ifMissing);
    if (status) found.push({ name, time: status.mtimeMs });
  }
  const taken: { path: string; lines: Line[] }[] = [];
  for (const { name } of found.sort((a, b) => a.time - b.time)) {
    const own = unusedName(path);
    // Another object may take the same file. Then it has the texts.
    await rename(name, own).catch(ifMissing);
    const content = await readFile(own).catch(ifMissing);
    if (content) taken.push({ path: own, lines: readLines(own, content) });
  }
  return taken;
}

function unusedName(path: string): string {
  return `${path}.${randomBytes(TOKEN_BYTES).toString("hex")}`;
}

async function create(path: string): Promise<Own> {
  const name = unusedName(path);
  const handle = await open(name, "ax", 0o600);
  await syncFolder(path);
  return { path: name, handle };
}

/** Appends lines. Returns whether the file has its name after they are on disk. */
async function write({ path, handle }: Own, lines: Line[]): Promise<boolean> {
  await handle.appendFile(lines.map(({ text }) => `${checksum(text)} ${text}\n`).join(""));
  await handle.sync();
  return (await access(path).then(() => true, ifMissing)) ?? false;
}

/** Deletes a file whose texts are sent, or are in another file. */
async function discard({ path, handle }: Own): Promise<void> {
  await handle.close();
  await unlink(path).catch(ifMissing);
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(PREFIX - 1, "0");
}

/** The lines of a file. A bad last line was cut off by a crash. */
function readLines(path: string, content: Buffer): Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < content.length; ) {
    const end = content.indexOf("\n", start);
    const line = content.toString("utf8", start, end < 0 ? content.length : end);
    const text = line.slice(PREFIX);
    if (end < 0 || line.slice(0, PREFIX) !== `${checksum(text)} `) {
      if (end < 0 || end === content.length - 1) break;
      const where = `line ${lines.length + 1} of the spool ${path} is damaged`;
      throw new ScripError("spool_damaged", `${where}; move the file away and send its commands`);
    }
    lines.push({ text, bytes: end + 1 - start });
    start = end + 1;
  }
  return lines;
}

/** Makes a new file survive a crash of the machine. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  await folder.sync().catch(() => {}); // Windows syncs no folders
  await folder.close();
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
