/** The commands and queries of a ledger, over any transport. */
import { completed } from "./errors.js";
import { HoldGuard, checkHoldReference } from "./hold.js";
import type {
  Balance,
  Batches,
  Command,
  CommandOptions,
  CommandType,
  Holds,
  Input,
  Outcome,
  Packages,
  Page,
  Price,
  Query,
  Quote,
  Receipt,
  RequestOptions,
  Results,
  Transactions,
} from "./types.js";

/** The time limit of a release after an aborted hold. */
const ABORTED_RELEASE_MS = 5_000;

/** The number of units or of credits. At most one of them; without any, one unit. */
type Cost = { quantity?: number; amount?: number };

/** A client of a ledger. Each transport extends it by how it sends and queries. */
export abstract class Ledger {
  /**
   * Sends a command and waits for its outcome. A refusal is an outcome with `status` `failed`, not
   * an error. After a lost connection the same command is sent again under its reference.
   */
  abstract send(command: Command, options?: CommandOptions): Promise<Outcome>;

  /** Sends a command. Resolves when the queue has it, before the outcome is known. */
  abstract publish(command: Command, options?: CommandOptions): Promise<Receipt>;

  /** Sends up to 1,000 commands in their order. Resolves when the queue has all of them. */
  abstract publishAll(commands: Command[], options?: RequestOptions): Promise<Receipt[]>;

  /** Sends any query and returns its result. */
  abstract query<T extends keyof Results>(
    query: Query<T>,
    options?: RequestOptions,
  ): Promise<Results[T]>;

  /** Spends credits, by `quantity` (1 if absent) or by `amount`. */
  consume(command: Input<"consume">, options?: CommandOptions): Promise<Outcome> {
    return this.#send("consume", command, options);
  }

  /** Gives free credits and opens the wallet: `registration_bonus` or `promotion`. */
  grant(command: Input<"grant">, options?: CommandOptions): Promise<Outcome> {
    return this.#send("grant", command, options);
  }

  /** Credits a payment once. Use the id of the payment as `referenceId` and `purchaseId`. */
  purchase(command: Input<"purchase">, options?: CommandOptions): Promise<Outcome> {
    return this.#send("purchase", command, options);
  }

  /** Reports a change of a subscription. Always send `paidThrough`. */
  subscribe(command: Input<"subscription">, options?: CommandOptions): Promise<Outcome> {
    return this.#send("subscription", command, options);
  }

  /**
   * Reserves credits and returns a guard that captures or releases them. Throws a `RefusedError`
   * if the ledger refuses, for example with `insufficient_credits`. When the caller aborts, it
   * publishes a release before it throws, because the hold may be applied.
   */
  async hold(command: Input<"hold">, options?: CommandOptions): Promise<HoldGuard> {
    checkHoldReference(command.referenceId);
    options?.signal?.throwIfAborted();
    try {
      const outcome = completed(await this.#send("hold", command, options));
      return new HoldGuard(this, outcome, options?.origin);
    } catch (error) {
      if (options?.signal?.aborted) await this.#releaseAborted(command, options);
      throw error;
    }
  }

  async #releaseAborted(command: Input<"hold">, options: CommandOptions): Promise<void> {
    const { referenceId: hold, userId } = command;
    const release = { type: "release", referenceId: `${hold}:release`, userId, hold } as const;
    const origin = options.origin ? { origin: options.origin } : {};
    await this.publish(release, { ...origin, timeoutMs: ABORTED_RELEASE_MS }).catch(() => {});
  }

  /** Spends credits that a hold reserves. */
  capture(command: Input<"capture">, options?: CommandOptions): Promise<Outcome> {
    return this.#send("capture", command, options);
  }

  /** Ends a hold without a charge. */
  release(command: Input<"release">, options?: CommandOptions): Promise<Outcome> {
    return this.#send("release", command, options);
  }

  /** Returns credits of a consumption or a capture. */
  refund(command: Input<"refund">, options?: CommandOptions): Promise<Outcome> {
    return this.#send("refund", command, options);
  }

  /** Takes credits of a deposit back, after a refund or a dispute of its payment. */
  revoke(command: Input<"revoke">, options?: CommandOptions): Promise<Outcome> {
    return this.#send("revoke", command, options);
  }

  /** Undoes a revocation. */
  reinstate(command: Input<"reinstate">, options?: CommandOptions): Promise<Outcome> {
    return this.#send("reinstate", command, options);
  }

  /** Writes off debt. */
  forgive(command: Input<"forgive">, options?: CommandOptions): Promise<Outcome> {
    return this.#send("forgive", command, options);
  }

  /** Stops a wallet from spending. */
  freeze(command: Input<"freeze">, options?: CommandOptions): Promise<Outcome> {
    return this.#send("freeze", command, options);
  }

  /** Allows a frozen wallet to spend again. */
  unfreeze(command: Input<"unfreeze">, options?: CommandOptions): Promise<Outcome> {
    return this.#send("unfreeze", command, options);
  }

  /** Returns what a user has. */
  balance(userId: string, options?: RequestOptions): Promise<Balance> {
    return this.query({ type: "balance", userId }, options);
  }

  /** Returns batches in the order in which they are spent; with `all` also those used up. */
  batches(userId: string, all = false, options?: RequestOptions): Promise<Batches> {
    return this.query({ type: "batches", userId, ...(all && { all }) }, options);
  }

  /** Returns holds, the first to end first; with `all` also those that have ended. */
  holds(userId: string, all = false, options?: RequestOptions): Promise<Holds> {
    return this.query({ type: "holds", userId, ...(all && { all }) }, options);
  }

  /** Returns a page of transactions, the newest first. */
  transactions(userId: string, page: Page = {}, options?: RequestOptions): Promise<Transactions> {
    return this.query({ type: "transactions", userId, ...page }, options);
  }

  /** Returns what units of a service cost. */
  price(service: string, quantity?: number, options?: RequestOptions): Promise<Price> {
    const units = quantity === undefined ? {} : { quantity };
    return this.query({ type: "price", service, ...units }, options);
  }

  /** Returns the packages for sale. */
  packages(options?: RequestOptions): Promise<Packages> {
    return this.query({ type: "packages" }, options);
  }

  /** Returns what a `consume` or a `hold` would cost and use now. Nothing is reserved. */
  quote(
    userId: string,
    service: string,
    cost: Cost = {},
    options?: RequestOptions,
  ): Promise<Quote> {
    return this.query({ type: "quote", userId, service, ...cost }, options);
  }

  #send<T extends CommandType>(
    type: T,
    command: Input<T>,
    options?: CommandOptions,
  ): Promise<Outcome> {
    return this.send({ ...command, type } as unknown as Command, options);
  }
}

/** Adds the time at which it happened, unless the caller names one. Repetitions keep it. */
export function dated(command: Command): Command {
  return { ...command, occurredAt: command.occurredAt ?? new Date().toISOString() };
}

/** A name of a command for errors. */
export function label(command: Command): string {
  return `${command.type} ${command.referenceId}`;
}
