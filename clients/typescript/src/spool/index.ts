/** Keeps commands in a file while the server is unreachable, and sends them later in order. */
import { open } from "node:fs/promises";
import { ProblemError, ScripError, UnreachableError } from "../errors.js";
import { dated, type Ledger } from "../ledger.js";
import { backoff } from "../retry.js";
import type { Command, Receipt } from "../types.js";
import { SpoolFile } from "./file.js";

const BATCH_COMMANDS = 500;
const BATCH_BYTES = 1 << 20;
const RETRY = { minDelayMs: 500, maxDelayMs: 30_000 };

/** How to keep commands. */
export interface SpoolOptions {
  /** The client that sends the commands. */
  ledger: Ledger;
  /**
   * The path of the spool, on a local file system. Its files are `{path}.{token}`, one for each
   * process, and `{path}.rejected`.
   */
  path: string;
  /** The size of the file of this process, beyond which commands are not kept. Default: 64 MiB. */
  maxBytes?: number;
  /** The time to try to send a command before it is kept, in milliseconds. Default: 5,000. */
  timeoutMs?: number;
}

/** The result of {@link Spool.publish}: the queue has the command, or the file has it. */
export type Kept = Receipt | { referenceId: string; status: "spooled" };

/**
 * Sends commands, or keeps them in a file and sends them later, in order and under the same
 * references. A command that the server does not understand is moved to `{path}.rejected`.
 */
export class Spool {
  readonly #publishing = new Set<Promise<Kept>>();
  #flushing: Promise<void> | undefined;
  #appending: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isClosed = false;

  private constructor(
    private readonly options: Required<SpoolOptions>,
    private readonly file: SpoolFile,
  ) {
    this.#plan();
  }

  /** Opens a spool. What other processes left in their files is taken over and sent. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const all = { maxBytes: 64 << 20, timeoutMs: 5_000, ...options };
    return new Spool(all, await SpoolFile.open(all.path, all.maxBytes));
  }

  /** The number of commands in the file. */
  get length(): number {
    return this.file.length;
  }

  /**
   * Sends a command. If the server is unreachable, or earlier commands are still in the file, the
   * command is written to the file instead, and this resolves when it is on disk. Throws a
   * `ProblemError` for a command that the server does not understand.
   */
  async publish(command: Command): Promise<Kept> {
    this.#checkOpen();
    const published = this.#publish(command);
    this.#publishing.add(published);
    return published.finally(() => this.#publishing.delete(published));
  }

  async #publish(command: Command): Promise<Kept> {
    const body = dated(command);
    if (this.file.length === 0) {
      try {
        return await this.options.ledger.publish(body, { timeoutMs: this.options.timeoutMs });
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error;
      }
    }
    await this.#append(body);
    this.#plan();
    return { referenceId: command.referenceId, status: "spooled" };
  }

  /** Sends everything in the file. Throws if the server cannot take it; then it stays there. */
  flush(): Promise<void> {
    // One that has begun may fail for a reason that is over.
    if (this.#flushing) return this.#flushing.catch(() => this.flush());
    this.#flushing = this.#flush()
      .then(
        () => void (this.#failures = 0),
        (error: unknown) => {
          this.#failures += 1;
          throw error;
        },
      )
      .finally(() => {
        this.#flushing = undefined;
        this.#plan();
      });
    return this.#flushing;
  }

  /** Ends sending and closes the file. Commands in it are sent when it is opened again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#flushing?.catch(() => {});
    await Promise.allSettled(this.#publishing);
    await this.#appending;
    await this.file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #checkOpen(): void {
    const { path } = this.options;
    if (this.#isClosed) throw new ScripError("spool_closed", `the spool ${path} is closed`);
  }

  /** One line after the other. */
  #append(body: Command): Promise<void> {
    const appended = this.#appending.then(() => this.file.append(JSON.stringify(body)));
    this.#appending = appended.catch(() => {});
    return appended;
  }

  async #flush(): Promise<void> {
    while (this.file.length > 0) {
      this.#checkOpen();
      const texts = this.file.first(BATCH_COMMANDS, BATCH_BYTES);
      const commands = texts.map((text) => JSON.parse(text) as Command);
      const done = await this.#send(commands);
      const removed = this.#appending.then(() => this.file.remove(done));
      this.#appending = removed.catch(() => {});
      await removed;
    }
  }

  /** Sends commands. Returns how many at the front have left the spool. */
  async #send(commands: Command[]): Promise<number> {
    const { ledger, timeoutMs, path } = this.options;
    try {
      await ledger.publishAll(commands, { timeoutMs });
      return commands.length;
    } catch (error) {
      if (!(error instanceof ProblemError) || !isOfCommand(error)) throw error;
      if (error.index !== undefined && error.index > 0) {
        return this.#send(commands.slice(0, error.index));
      }
      if (error.index === undefined && commands.length > 1) return this.#send(commands.slice(0, 1));
      const { code, detail } = error;
      const rejected = JSON.stringify({ code, detail, command: commands[0] });
      await appendSynced(`${path}.rejected`, `${rejected}\n`);
      return 1;
    }
  }

  /** Sends in the background, unless that is planned already. The process may end meanwhile. */
  #plan(): void {
    if (this.#isClosed || this.#timer || this.#flushing || this.file.length === 0) return;
    const delay = backoff(this.#failures, RETRY);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush().catch(() => {}); // it has planned the next attempt
    }, delay);
    this.#timer.unref();
  }
}

/** Appends a text and returns when it is on disk. */
async function appendSynced(path: string, text: string): Promise<void> {
  const file = await open(path, "a", 0o600);
  try {
    await file.appendFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Whether the ledger says that a command is wrong, and not the account or the server. */
function isOfCommand({ code, status }: ProblemError): boolean {
  if (code === "broker_refused") return false;
  return status === undefined || status === 400 || status === 403 || status === 413;
}
