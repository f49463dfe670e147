/** The types of commands, queries and their results. */
import type { components } from "./generated.js";

type Schemas = components["schemas"];

/** Any command, with its `type`. */
export type Command = Schemas["Command"];
/** The name of a command. */
export type CommandType = Command["type"];
/** The fields of one command, without its `type`. */
export type Input<T extends CommandType> = Omit<Extract<Command, { type: T }>, "type">;

/** What became of a command: it was applied (`completed`) or refused (`failed`). */
export type Outcome = Schemas["Outcome"];
/** Why a command was refused. */
export type Refusal = Schemas["OutcomeError"];
/** Says that the queue has a command, and whether the worker accepts it. */
export type Receipt = Schemas["Receipt"];
/** The origin through which a command is sent. */
export type Origin = Receipt["origin"];

export type Balance = Schemas["BalanceResult"];
export type Batches = Schemas["BatchesResult"];
export type Holds = Schemas["HoldsResult"];
export type Packages = Schemas["PackagesResult"];
export type Price = Schemas["PriceResult"];
export type Quote = Schemas["QuoteResult"];
export type Transactions = Schemas["TransactionsResult"];
export type UserToken = Schemas["UserToken"];

/** The result of each query, by the name of the query. */
export interface Results {
  balance: Balance;
  batches: Batches;
  holds: Holds;
  packages: Packages;
  price: Price;
  quote: Quote;
  transactions: Transactions;
}

/** A query: its name and its parameters. */
export interface Query<T extends keyof Results = keyof Results> {
  type: T;
  [parameter: string]: string | number | boolean | undefined;
}

/** Which transactions to read. Without any of these, the newest ones. */
export interface Page {
  /** 1 to 100. */
  pageSize?: number;
  /** The `nextCursor` of the page before. */
  cursor?: string;
  /** The number of the page, from 0. Not together with `cursor`. */
  pageIndex?: number;
}

/** Options of one request. */
export interface RequestOptions {
  /** Ends the request. A command that was sent may be applied all the same. */
  signal?: AbortSignal;
  /** The time limit in milliseconds, all attempts included. */
  timeoutMs?: number;
}

/** Options of a command. */
export interface CommandOptions extends RequestOptions {
  /** Needed only for a `hold`, `capture`, `release` or `refund` of support staff (`funding`). */
  origin?: Origin;
  /** The W3C trace context of the caller. */
  traceparent?: string;
}
