/** A client of the Scrip credit ledger over RabbitMQ, with amqplib. */
import { crc32 } from "../crc32.js";
import { ProblemError, ScripError } from "../errors.js";
import { Ledger, dated, label } from "../ledger.js";
import { Deadline, Retry, retry, type RetryOptions } from "../retry.js";
import type {
  Command,
  CommandOptions,
  Origin,
  Outcome,
  Query,
  Receipt,
  RequestOptions,
  Results,
} from "../types.js";
import { ChannelRefused, Session, abortable, type Outgoing, type Reply } from "./session.js";

const BUCKETS = 64;
/** The commands that go through the exchange `usage` unless the caller names another one. */
const USAGE: ReadonlySet<string> = new Set(["consume", "hold", "capture", "release", "refund"]);

/** How to reach the broker. */
export interface AmqpOptions {
  /** The URL of the broker, such as `amqp://app:PASSWORD@127.0.0.1:5672/%2f`. */
  url: string;
  /** The prefix of exchanges and queues. Default: `credits`. */
  namespace?: string;
  /** The time limit of each request in milliseconds, all attempts included. Default: 30,000. */
  timeoutMs?: number;
  /**
   * The time limit of each confirm and of each reply, before it is published again. Default:
   * 10,000.
   */
  attemptTimeoutMs?: number;
  retry?: RetryOptions;
}

/** Returns the routing key of a user's commands. */
export function bucket(userId: string): string {
  return String(crc32(userId) % BUCKETS);
}

/**
 * A client of a ledger over RabbitMQ. It opens one connection when it is needed first, and again
 * when it is lost.
 */
export class AmqpClient extends Ledger {
  readonly #options: Required<AmqpOptions>;
  readonly #sender: string | undefined;
  #session: Promise<Session> | undefined;
  /** The end of the requests that are published alone. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: AmqpOptions) {
    super();
    const limits = { timeoutMs: 30_000, attemptTimeoutMs: 10_000 };
    this.#options = { namespace: "credits", retry: {}, ...limits, ...options };
    this.#sender = userOf(options.url) || undefined;
  }

  override async send(command: Command, options: CommandOptions = {}): Promise<Outcome> {
    const message = this.#command(command, options);
    const [reply] = await this.#request(label(command), [message], true, options);
    return reply as unknown as Outcome;
  }

  override async publish(command: Command, options: CommandOptions = {}): Promise<Receipt> {
    await this.#request(label(command), [this.#command(command, options)], false, options);
    return receiptOf(command, options);
  }

  /**
   * Sends commands in their order. After a lost connection it sends again from the first command
   * that was not confirmed. Resolves when the queue has all of them.
   */
  override async publishAll(commands: Command[], options: RequestOptions = {}): Promise<Receipt[]> {
    const messages = commands.map((command) => this.#command(command, {}));
    await this.#request(`a batch of ${commands.length}`, messages, false, options);
    return commands.map((command) => receiptOf(command, {}));
  }

  override async query<T extends keyof Results>(
    query: Query<T>,
    options: RequestOptions = {},
  ): Promise<Results[T]> {
    const message = this.#message("queries", "query", query, {});
    const [reply] = await this.#request(query.type, [message], true, options);
    return reply?.result as Results[T];
  }

  /** Closes the connection. The next request opens a new one. */
  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    await session?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #command(command: Command, options: CommandOptions): Outgoing {
    const { origin = originOf(command), traceparent } = options;
    return this.#message(origin, bucket(command.userId), dated(command), {
      messageId: command.referenceId,
      ...(traceparent && { headers: { traceparent } }),
    });
  }

  #message(
    exchange: string,
    routingKey: string,
    body: Command | Query,
    properties: Outgoing["properties"],
  ): Outgoing {
    return {
      exchange: `${this.#options.namespace}.${exchange}`,
      routingKey,
      body: JSON.stringify(body),
      // The broker verifies the sender, and the ledger records it.
      properties: { type: body.type, ...(this.#sender && { userId: this.#sender }), ...properties },
    };
  }

  /**
   * Publishes messages in their order until all are answered. Each attempt has the same bodies, so
   * the same references, and begins with the first message that has no answer.
   */
  async #request(
    what: string,
    messages: Outgoing[],
    waits: boolean,
    options: RequestOptions,
  ): Promise<(Reply | undefined)[]> {
    const { timeoutMs = this.#options.timeoutMs } = options;
    const deadline = new Deadline(what, timeoutMs, options.signal);
    const timer = AbortSignal.timeout(deadline.timeoutMs);
    const signal = options.signal ? AbortSignal.any([options.signal, timer]) : timer;
    const answers: (Reply | undefined)[] = [];
    let isAlone = false;
    return retry(deadline, this.#options.retry, async () => {
      const rest = messages.slice(answers.length);
      try {
        if (isAlone) await abortable(this.#publishAlone(rest, signal), signal);
        isAlone = false;
        const session = await abortable(this.#connected(), signal);
        const limit = this.#options.attemptTimeoutMs;
        const sent = rest.map((message) => session.request(message, waits, limit));
        for (const result of await abortable(Promise.allSettled(sent), signal)) {
          if (result.status === "rejected") throw result.reason;
          answers.push(result.value);
        }
        return answers;
      } catch (error) {
        options.signal?.throwIfAborted();
        if (error instanceof ScripError) throw error;
        isAlone = error instanceof ChannelRefused;
        return new Retry(error);
      }
    });
  }

  /**
   * Publishes messages one by one on a connection of their own, one request after the other. So the
   * broker refuses the one that it means.
   */
  #publishAlone(messages: Outgoing[], signal: AbortSignal): Promise<void> {
    const published = this.#turn.then(async () => {
      signal.throwIfAborted();
      const session = await Session.open(this.#options.url);
      try {
        for (const message of messages) {
          await session.request(message, false, this.#options.attemptTimeoutMs);
        }
      } finally {
        await session.close();
      }
    });
    this.#turn = published.catch(() => {});
    return published;
  }

  /** Returns the open session, or opens a new one. Requests at the same time share it. */
  async #connected(): Promise<Session> {
    const before = this.#session;
    const session = await before?.catch(() => undefined);
    if (session?.isOpen) return session;
    if (this.#session === before) {
      void session?.close(); // its channel has closed
      this.#session = undefined;
    }
    return (this.#session ??= Session.open(this.#options.url));
  }
}

function originOf(command: Command): Origin {
  return USAGE.has(command.type) ? "usage" : "funding";
}

function receiptOf(command: Command, options: CommandOptions): Receipt {
  const { referenceId, type, userId } = command;
  const origin = options.origin ?? originOf(command);
  return { referenceId, type, userId, origin, status: "accepted" };
}

/** The account in a URL. The error does not show the URL, because it has a password. */
function userOf(url: string): string {
  try {
    return decodeURIComponent(new URL(url).username);
  } catch {
    const form = "`url` must be like amqp://USER:PASSWORD@HOST:5672/%2f";
    const advice = "percent-encode special characters of the user and the password";
    throw new ProblemError("invalid_field", `${form}; ${advice}`, { field: "url" });
  }
}
