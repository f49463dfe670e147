/** One connection to the broker: a channel with confirms, and the replies to its requests. */
import { randomUUID } from "node:crypto";
import { connect } from "amqplib";
import type { ChannelModel, ConfirmChannel, Message, Options } from "amqplib";
import { ProblemError } from "../errors.js";
import { parse } from "../json.js";

const CONNECT_TIMEOUT_MS = 10_000;

/** A message and where it goes. */
export interface Outgoing {
  exchange: string;
  routingKey: string;
  body: string;
  properties: Options.Publish;
}

/** The body of a reply of the ledger. */
export interface Reply {
  status: "completed" | "failed" | "ok" | "error" | "rejected";
  result?: unknown;
  error?: { code: string; message: string; field?: string };
}

/** The broker closed the channel because of one of several requests. */
export class ChannelRefused extends Error {}

interface Waiting {
  confirmed(): void;
  replied(reply: Reply): void;
  reject(error: unknown): void;
}

/** The requests that are open on one connection. They all fail when it ends. */
export class Session {
  readonly #open = new Map<string, Waiting>();
  #replyQueue = "";
  isOpen = true;

  private constructor(
    readonly connection: ChannelModel,
    private readonly channel: ConfirmChannel,
  ) {
    channel.on("error", ({ message }: Error) => {
      const isOfOne = this.#open.size === 1;
      this.#end(isOfOne ? refused(message) : new ChannelRefused(message));
    });
    channel.on("close", () => this.#end(new Error("the connection was lost")));
    channel.on("return", ({ fields, properties }: Message) => {
      const where = `returned by ${fields.exchange} for routing key ${fields.routingKey}`;
      this.#open.get(String(properties.correlationId))?.reject(refused(where));
    });
  }

  /** Connects and declares a reply queue that the broker names. It ends with the connection. */
  static async open(url: string): Promise<Session> {
    const connection = await connect(url, { timeout: CONNECT_TIMEOUT_MS, noDelay: true }).catch(
      (error: Error) => {
        throw error.message.includes("403 (ACCESS-REFUSED)") ? refused(error.message) : error;
      },
    );
    connection.on("error", () => {}); // the channel's "close" follows
    const prepare = async () => {
      const channel = await connection.createConfirmChannel();
      const session = new Session(connection, channel);
      session.#replyQueue = (await channel.assertQueue("", { exclusive: true })).queue;
      const onReply = (message: Message | null) => session.#onReply(message);
      await channel.consume(session.#replyQueue, onReply, { noAck: true });
      return session;
    };
    try {
      return await abortable(prepare(), AbortSignal.timeout(CONNECT_TIMEOUT_MS));
    } catch (error) {
      connection.close().catch(() => {});
      throw error;
    }
  }

  /** Closes the connection. Requests that are open fail. */
  async close(reason = "the connection was closed"): Promise<void> {
    this.#end(new Error(reason));
    // A closed channel may have left the connection open. Closing a closed connection fails.
    await this.connection.close().catch(() => {});
  }

  /**
   * Publishes with a confirm. Resolves at the confirm, or at the reply if `waits`. Each of them has
   * the time limit, so an aborted request ends by itself. A broker that does not confirm in time
   * may never do so on this channel, so the session ends.
   */
  async request(message: Outgoing, waits: boolean, limitMs: number): Promise<Reply | undefined> {
    const correlationId = randomUUID();
    const unconfirmed = `the broker did not confirm within ${limitMs} ms`;
    let timer = setTimeout(() => void this.close(unconfirmed), limitMs);
    const answer = new Promise<Reply | undefined>((resolve, reject) => {
      const confirmed = () => {
        clearTimeout(timer);
        if (!waits) return resolve(undefined);
        timer = setTimeout(() => reject(new Error(`no reply within ${limitMs} ms`)), limitMs);
      };
      this.#open.set(correlationId, { confirmed, replied: resolve, reject });
    });
    const waiting = () => this.#open.get(correlationId);
    try {
      this.channel.publish(
        message.exchange,
        message.routingKey,
        Buffer.from(message.body),
        {
          ...message.properties,
          persistent: true,
          mandatory: true,
          contentType: "application/json",
          correlationId,
          ...(waits && { replyTo: this.#replyQueue }),
        },
        (error) => (error ? waiting()?.reject(error) : waiting()?.confirmed()),
      );
      return await answer;
    } finally {
      clearTimeout(timer);
      this.#open.delete(correlationId);
    }
  }

  #onReply(message: Message | null): void {
    if (message === null) {
      // The broker has deleted the queue, for example because its node stopped.
      this.#end(new Error("the reply queue was deleted"));
      return;
    }
    const waiting = this.#open.get(String(message.properties.correlationId));
    try {
      const reply = parse(message.content.toString()) as Reply;
      const { status, error } = reply;
      if (error && (status === "rejected" || status === "error")) {
        const where = error.field === undefined ? {} : { field: error.field };
        waiting?.reject(new ProblemError(error.code, error.message, where));
      } else {
        waiting?.replied(reply);
      }
    } catch (error) {
      waiting?.reject(error);
    }
  }

  #end(error: unknown): void {
    this.isOpen = false;
    for (const waiting of this.#open.values()) waiting.reject(error);
  }
}

/** Returns the result of a promise, or rejects at once when the signal aborts. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function refused(detail: string): ProblemError {
  return new ProblemError("broker_refused", detail);
}
