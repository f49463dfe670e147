/**
 * A client of the Scrip credit ledger over RabbitMQ.
 *
 * The client publishes a command, waits for the broker's confirm, and returns the ledger's outcome.
 * After a lost connection it reconnects and publishes the same command again under the same
 * reference. The ledger applies the command once, and every copy gets the same outcome.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { connect } from "amqplib";
import type { ChannelModel, ConfirmChannel, Message, Options } from "amqplib";

const CONNECT_TIMEOUT_MS = 10_000;
const RETRY_DELAY_MS = 500;
/** The commands of apps. */
const USAGE = new Set(["consume", "hold", "capture", "release"]);

/**
 * A command: `type`, `referenceId`, `userId`, and the fields of its type. A field that is
 * `undefined` is not sent.
 */
export interface Command {
  type:
    | "consume"
    | "hold"
    | "capture"
    | "release"
    | "refund"
    | "grant"
    | "purchase"
    | "subscription"
    | "revoke"
    | "reinstate"
    | "forgive"
    | "freeze"
    | "unfreeze";
  referenceId: string;
  userId: string;
  [field: string]: unknown;
}

/** What was paid for a purchase, such as `"9.99"` and `"USD"`. */
export interface Paid {
  amountPaid: string;
  currency: string;
}

/** A query: `type`, and the fields of its type. */
export interface Query {
  type:
    | "balance"
    | "transactions"
    | "batches"
    | "holds"
    | "quote"
    | "price"
    | "packages"
    | "canPurchase";
  [field: string]: unknown;
}

/** What became of a command. Fields that do not apply are absent. */
export interface Outcome {
  referenceId: string;
  type: string;
  userId: string;
  status: "completed" | "failed";
  replayed: boolean;
  amount?: number;
  balance?: number;
  available?: number;
  held?: number;
  holdExpiresAt?: string;
  uncaptured?: number;
  repaid?: number;
  debt?: number;
  error?: { code: string; message: string; required?: number; available?: number };
}

/** What a user has. */
export interface Balance {
  userId: string;
  availableCredits: number;
  balance: number;
  held: number;
  debt: number;
  status: "ACTIVE" | "FROZEN";
}

type Reply =
  | Outcome
  | { status: "ok"; result: unknown }
  | { status: "error" | "rejected"; error: { code: string; message: string } };

/**
 * The ledger could not understand a message, a query has no result, or the broker refused the
 * account or the message (`broker_refused`: the password is wrong, or an exchange, a queue or a
 * permission is missing).
 */
export class ScripError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(`${code}: ${message}`);
  }
}

/** No reply came in time. A command may be applied all the same: send it again as it was. */
export class TimeoutError extends Error {}

/** Returns the routing key of a user's commands: CRC-32 of the id in UTF-8, modulo 64. */
export function bucket(userId: string): string {
  return String(crc32(userId) % 64);
}

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** One connection, its channel and reply queue, and the requests that wait for a reply. */
class Session {
  readonly #waiting = new Map<string, Waiting>();
  #replyQueue = "";
  isOpen = true;

  private constructor(
    readonly connection: ChannelModel,
    private readonly channel: ConfirmChannel,
  ) {
    channel.on("error", ({ message }) => {
      this.#rejectAll(new ScripError("broker_refused", message));
    });
    channel.on("close", () => {
      this.isOpen = false;
      this.#rejectAll(new Error("the connection was lost before the reply came"));
    });
    channel.on("return", ({ fields, properties }) => {
      const where = `returned by ${fields.exchange} for routing key ${fields.routingKey}`;
      const error = new ScripError("broker_refused", where);
      this.#waiting.get(properties.correlationId)?.reject(error);
    });
  }

  /** Connects and declares a reply queue that the broker names; it ends with the connection. */
  static async open(url: string): Promise<Session> {
    const options = { timeout: CONNECT_TIMEOUT_MS, noDelay: true };
    const connection = await connect(url, options).catch((error: Error) => {
      const isLoginRefused = error.message.includes("403 (ACCESS-REFUSED)");
      throw isLoginRefused ? new ScripError("broker_refused", error.message) : error;
    });
    connection.on("error", () => {}); // the channel's "close" follows
    try {
      const channel = await connection.createConfirmChannel();
      const session = new Session(connection, channel);
      session.#replyQueue = (await channel.assertQueue("", { exclusive: true })).queue;
      const onReply = (message: Message | null) => message && session.#onReply(message);
      await channel.consume(session.#replyQueue, onReply, { noAck: true });
      return session;
    } catch (error) {
      await connection.close().catch(() => {});
      throw error;
    }
  }

  /** Publishes a persistent, mandatory message with a confirm, and waits for its reply. */
  async request(
    exchange: string,
    routingKey: string,
    body: Command | Query,
    options: Options.Publish,
    timeoutMs: number,
  ): Promise<Reply> {
    const correlationId = randomUUID();
    const reply = new Promise<Reply>((resolve, reject) => {
      this.#waiting.set(correlationId, { resolve, reject });
    });
    const fail = (error: Error) => this.#waiting.get(correlationId)?.reject(error);
    const timer = setTimeout(() => fail(new TimeoutError("no reply in time")), timeoutMs);
    try {
      this.channel.publish(
        exchange,
        routingKey,
        Buffer.from(JSON.stringify(body)),
        {
          ...options,
          persistent: true,
          mandatory: true,
          contentType: "application/json",
          type: body.type,
          replyTo: this.#replyQueue,
          correlationId,
        },
        (error) => error && fail(error),
      );
      return await reply;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(correlationId);
    }
  }

  #onReply({ content, properties }: Message): void {
    const waiting = this.#waiting.get(properties.correlationId);
    const reply: Reply = JSON.parse(content.toString());
    if (reply.status === "rejected" || reply.status === "error") {
      waiting?.reject(new ScripError(reply.error.code, reply.error.message));
    } else {
      waiting?.resolve(reply);
    }
  }

  #rejectAll(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
  }
}

/** Sends commands and queries over one connection, which it opens again when it is lost. */
export class ScripClient {
  readonly #sender: string | undefined;
  #session: Promise<Session> | undefined;

  constructor(
    private readonly url: string,
    private readonly namespace = "credits",
    private readonly timeoutMs = 30_000,
  ) {
    this.#sender = decodeURIComponent(new URL(url).username) || undefined;
  }

  /**
   * Charges a user for units of a service, by default for one. An absent quantity is other content
   * than 1: send a command again with the same arguments.
   */
  consume(
    referenceId: string,
    userId: string,
    service: string,
    quantity?: number,
  ): Promise<Outcome> {
    return this.send({ type: "consume", referenceId, userId, service, quantity });
  }

  /** Opens a user's wallet with the registration bonus. */
  register(referenceId: string, userId: string): Promise<Outcome> {
    return this.send({ type: "grant", referenceId, userId, reason: "registration_bonus" });
  }

  /**
   * Credits a payment. Its id is the reference, so that no payment is credited twice. Name what was
   * paid: reports have no other source for it.
   */
  purchase(
    purchaseId: string,
    userId: string,
    packageId: string,
    paid?: Paid,
  ): Promise<Outcome> {
    const payment = { purchaseId, packageId, ...paid };
    return this.send({ type: "purchase", referenceId: purchaseId, userId, ...payment });
  }

  /** Sends any command and returns its outcome. A refusal is an outcome, not an error. */
  async send(command: Command): Promise<Outcome> {
    const exchange = USAGE.has(command.type) ? "usage" : "funding";
    const body = { occurredAt: new Date().toISOString(), ...command };
    const options = { messageId: command.referenceId };
    return (await this.#request(exchange, bucket(command.userId), body, options)) as Outcome;
  }

  /** Returns what a user has. */
  async balance(userId: string): Promise<Balance> {
    return (await this.query({ type: "balance", userId })) as Balance;
  }

  /** Sends any query and returns its result. */
  async query(query: Query): Promise<unknown> {
    const reply = await this.#request("queries", "query", query, {});
    return "result" in reply ? reply.result : undefined;
  }

  /** Closes the connection. The next request opens a new one. */
  async close(): Promise<void> {
    const session = await this.#session?.catch(() => undefined);
    // A closed channel may have left the connection open. Closing a closed connection fails.
    await session?.connection.close().catch(() => {});
  }

  /** Sends until a reply comes. Each attempt has the same body, so the same reference. */
  async #request(
    exchange: string,
    routingKey: string,
    body: Command | Query,
    options: Options.Publish,
  ): Promise<Reply> {
    // The broker verifies the sender, and the ledger records it.
    const properties = this.#sender ? { ...options, userId: this.#sender } : options;
    const target = `${this.namespace}.${exchange}`;
    const deadline = Date.now() + this.timeoutMs;
    let cause: unknown;
    for (let left = this.timeoutMs; left > 0; left = deadline - Date.now()) {
      try {
        const session = await this.#connected();
        return await session.request(target, routingKey, body, properties, left);
      } catch (error) {
        if (error instanceof ScripError) throw error;
        cause = error;
      }
      await sleep(RETRY_DELAY_MS);
    }
    const what = options.messageId ?? body.type;
    throw new TimeoutError(`no reply to ${what} within ${this.timeoutMs} ms`, { cause });
  }

  /** Returns the open session, or opens a new one; requests at the same time share it. */
  async #connected(): Promise<Session> {
    const before = this.#session;
    const session = await before?.catch(() => undefined);
    if (session?.isOpen) return session;
    if (this.#session === before) {
      session?.connection.close().catch(() => {}); // its channel has closed
      this.#session = undefined;
    }
    return (this.#session ??= Session.open(this.url));
  }
}
