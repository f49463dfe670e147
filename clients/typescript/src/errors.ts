/** The errors of the client. Each is a {@link ScripError} with a `code` for programs. */
import type { Outcome, Receipt } from "./types.js";

/** Any error of this client. */
export class ScripError extends Error {
  constructor(
    /** A name for programs. */
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The request is wrong: the server or the ledger cannot understand or does not allow it. */
export class ProblemError extends ScripError {
  /** The field, parameter or header that is wrong. */
  readonly field: string | undefined;
  /** The number of the wrong command in its batch, from 0. */
  readonly index: number | undefined;
  /** The status of the HTTP response. */
  readonly status: number | undefined;
  /** Whether an earlier attempt of the same command had no answer, so that it may be applied. */
  mayBeApplied = false;

  constructor(
    code: string,
    /** What was found and what is allowed. */
    readonly detail: string,
    where: { field?: string; index?: number; status?: number } = {},
  ) {
    super(code, `${code}: ${detail}`);
    this.field = where.field;
    this.index = where.index;
    this.status = where.status;
  }
}

/** The ledger refused a command whose caller needs it to complete, such as a hold of a guard. */
export class RefusedError extends ScripError {
  constructor(
    /** The outcome, with `error`. */
    readonly outcome: Outcome,
  ) {
    const code = outcome.error?.code ?? "unknown";
    super(code, `${outcome.type} ${outcome.referenceId} was refused: ${outcome.error?.message}`);
  }
}

/**
 * The server did not answer, or could not take the request, within the time limit. A command may
 * have arrived: send it again under the same reference. `cause` is the last failure.
 */
export class UnreachableError extends ScripError {
  constructor(what: string, timeoutMs: number, cause: unknown) {
    const advice = "a command may have arrived: send it again under the same reference";
    const last = cause instanceof ScripError ? ` (${cause.message})` : "";
    const found = `no answer to ${what} within ${timeoutMs} ms${last}`;
    super("unreachable", `${found}; ${advice}`, { cause });
  }
}

/** The queue has the command, but its outcome did not come within the time limit. */
export class UnansweredError extends ScripError {
  constructor(
    what: string,
    timeoutMs: number,
    /** The receipt of the command. */
    readonly receipt: Receipt,
  ) {
    super("unanswered", `${what} is in the queue, but has no outcome after ${timeoutMs} ms`);
  }
}

/** A number in a response is beyond 2^53 - 1, so JavaScript would round it. */
export class PrecisionError extends ScripError {
  constructor(
    /** Where the number is, such as `balance` or `items.0.amount`. */
    readonly field: string,
  ) {
    const advice = "the request was carried out; read the number with another client";
    super("unsafe_integer", `\`${field}\` must be within ±(2^53 - 1) to be exact; ${advice}`);
  }
}

/** Returns the outcome of a completed command. Throws a {@link RefusedError} for a refused one. */
export function completed(outcome: Outcome): Outcome {
  if (outcome.status === "failed") throw new RefusedError(outcome);
  return outcome;
}
