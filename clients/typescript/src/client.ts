/** The client over the HTTP API. */
import { ProblemError, UnansweredError } from "./errors.js";
import { HttpTransport, type HttpOptions, type HttpRequest } from "./http.js";
import { Ledger, dated, label } from "./ledger.js";
import { backoff, type Deadline } from "./retry.js";
import type {
  Command,
  CommandOptions,
  Origin,
  Outcome,
  Query,
  Receipt,
  RequestOptions,
  Results,
  UserToken,
} from "./types.js";

/** The seconds that one attempt waits for an outcome. */
const WAIT_SECONDS = 10;

/** A client of a ledger over HTTP. It holds no connection of its own and needs no close. */
export class ScripClient extends Ledger {
  readonly #http: HttpTransport;

  constructor(options: HttpOptions) {
    super();
    this.#http = new HttpTransport(options);
  }

  override async send(command: Command, options: CommandOptions = {}): Promise<Outcome> {
    const deadline = this.#http.deadline(label(command), options);
    const request = commandRequest(command, options);
    for (let rounds = 0; ; rounds += 1) {
      request.waitSeconds = waitSeconds(deadline);
      const { status, body } = await this.#http.request(request, deadline, rounds > 0);
      if (status === 200) return body as Outcome;
      // The queue has it. Sent again under its reference, it is applied once.
      await this.#pause(rounds, deadline, body as Receipt);
    }
  }

  override async publish(command: Command, options: CommandOptions = {}): Promise<Receipt> {
    const deadline = this.#http.deadline(label(command), options);
    return (await this.#http.request(commandRequest(command, options), deadline)).body as Receipt;
  }

  override publishAll(commands: Command[], options: RequestOptions = {}): Promise<Receipt[]> {
    return this.#batch(commands, options, false) as Promise<Receipt[]>;
  }

  /**
   * Sends up to 1,000 commands in their order and waits for their outcomes. A command whose outcome
   * did not come in time has a receipt with `status` `accepted`; one that the worker does not
   * accept has one with `status` `rejected` and an `error`.
   */
  sendAll(commands: Command[], options: RequestOptions = {}): Promise<(Outcome | Receipt)[]> {
    return this.#batch(commands, options, true);
  }

  /** Returns the stored outcome of a command, or `undefined` if there is none (yet). */
  async outcome(
    origin: Origin,
    reference: string,
    options: RequestOptions = {},
  ): Promise<Outcome | undefined> {
    const path = `/v1/commands/${origin}/${encodeURIComponent(reference)}`;
    try {
      return (await this.#get("outcome", path, options)) as Outcome;
    } catch (error) {
      if (error instanceof ProblemError && error.code === "outcome_not_found") return undefined;
      throw error;
    }
  }

  /**
   * Waits for the stored outcome of a published command. A refusal by the configuration, such as
   * `unknown_service`, is not stored: send the command again to learn of it.
   */
  async wait(receipt: Receipt, options: RequestOptions = {}): Promise<Outcome> {
    const deadline = this.#http.deadline(`${receipt.type} ${receipt.referenceId}`, options);
    for (let rounds = 0; ; rounds += 1) {
      const limit = { ...options, timeoutMs: Math.max(1, deadline.leftMs) };
      const outcome = await this.outcome(receipt.origin, receipt.referenceId, limit);
      if (outcome) return outcome;
      await this.#pause(rounds, deadline, receipt);
    }
  }

  /** Makes a token by which a browser reads what belongs to the user. */
  async userToken(userId: string, options: RequestOptions = {}): Promise<UserToken> {
    const path = `/v1/users/${encodeURIComponent(userId)}/token`;
    const request = { what: "user token", path, body: "" };
    return (await this.#http.request(request, this.#http.deadline(request.what, options)))
      .body as UserToken;
  }

  override async query<T extends keyof Results>(
    query: Query<T>,
    options: RequestOptions = {},
  ): Promise<Results[T]> {
    return (await this.#get(query.type, pathOf(query), options)) as Results[T];
  }

  async #get(what: string, path: string, options: RequestOptions): Promise<unknown> {
    return (await this.#http.request({ what, path }, this.#http.deadline(what, options))).body;
  }

  async #batch(
    commands: Command[],
    options: RequestOptions,
    waits: boolean,
  ): Promise<(Outcome | Receipt)[]> {
    const deadline = this.#http.deadline(`a batch of ${commands.length}`, options);
    const request: HttpRequest = {
      what: deadline.what,
      path: "/v1/commands/batch",
      body: JSON.stringify({ commands: commands.map(dated) }),
      ...(waits && { waitSeconds: waitSeconds(deadline) }),
    };
    const { body } = await this.#http.request(request, deadline);
    return (body as { results: (Outcome | Receipt)[] }).results;
  }

  /** Waits before the next round. Throws if the deadline would pass. */
  async #pause(rounds: number, deadline: Deadline, receipt: Receipt): Promise<void> {
    const delay = Math.min(1_000, backoff(rounds, this.#http.retryOptions));
    if (delay >= deadline.leftMs) {
      throw new UnansweredError(deadline.what, deadline.timeoutMs, receipt);
    }
    await deadline.sleep(delay);
  }
}

/** At least a second; the last one may end before the deadline of the caller. */
function waitSeconds(deadline: Deadline): number {
  return Math.max(1, Math.min(WAIT_SECONDS, Math.floor(deadline.leftMs / 1_000)));
}

function commandRequest(command: Command, options: CommandOptions): HttpRequest {
  const { origin, traceparent } = options;
  return {
    what: label(command),
    path: `/v1/commands${origin ? `?origin=${origin}` : ""}`,
    body: JSON.stringify(dated(command)),
    headers: traceparent ? { traceparent } : {},
  };
}

/** The path of a query, with its parameters. */
function pathOf({ type, ...parameters }: Query): string {
  const { userId, ...others } = parameters;
  const isOfUser = type !== "price" && type !== "packages" && type !== "quote";
  const path = isOfUser ? `/users/${encodeURIComponent(String(userId))}/${type}` : `/${type}`;
  const given = Object.entries(isOfUser ? others : parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]): [string, string] => [name, String(value)]);
  const search = new URLSearchParams(given).toString();
  return `/v1${path}${search ? `?${search}` : ""}`;
}
