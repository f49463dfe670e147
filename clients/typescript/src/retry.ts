/** Repeats an attempt with backoff and jitter until a time limit. */
import { ProblemError, UnreachableError } from "./errors.js";

/** How attempts are repeated. */
export interface RetryOptions {
  /** The longest delay after the first failure, in milliseconds. It doubles with each failure. */
  minDelayMs?: number;
  /** The longest delay of all, in milliseconds. */
  maxDelayMs?: number;
}

/** An attempt failed in a way that the next one may not. */
export class Retry {
  constructor(
    readonly cause: unknown,
    /** The shortest delay before the next attempt, in milliseconds. */
    readonly afterMs = 0,
  ) {}
}

/** The time until which a request may be repeated. */
export class Deadline {
  readonly #end: number;

  constructor(
    /** A name of the request for errors, such as `consume chat-1`. */
    readonly what: string,
    readonly timeoutMs: number,
    readonly signal: AbortSignal | undefined,
  ) {
    this.#end = Date.now() + timeoutMs;
  }

  /** The milliseconds that are left, at least 0. */
  get leftMs(): number {
    return Math.max(0, this.#end - Date.now());
  }

  /** Waits. Rejects when the caller aborts. */
  sleep(delayMs: number): Promise<void> {
    const signal = this.signal;
    return new Promise((resolve, reject) => {
      const abort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      }, delayMs);
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    });
  }
}

/** Returns a random delay before the attempt after `failures` failures. */
export function backoff(failures: number, options: RetryOptions): number {
  const { minDelayMs = 100, maxDelayMs = 5_000 } = options;
  const longest = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(failures, 30));
  return longest * (0.5 + Math.random() / 2);
}

/**
 * Repeats `attempt` until it returns something else than a {@link Retry}. Throws an {@link
 * UnreachableError} if the next attempt would begin after the deadline. `isRepeated` says that the
 * same command was sent before.
 */
export async function retry<T>(
  deadline: Deadline,
  options: RetryOptions,
  attempt: () => Promise<T | Retry>,
  isRepeated = false,
): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    deadline.signal?.throwIfAborted();
    const result = await attempt().catch((error: unknown) => {
      if (error instanceof ProblemError) error.mayBeApplied ||= isRepeated || failures > 0;
      throw error;
    });
    if (!(result instanceof Retry)) return result;
    const delay = Math.max(result.afterMs, backoff(failures, options));
    if (delay >= deadline.leftMs) {
      throw new UnreachableError(deadline.what, deadline.timeoutMs, result.cause);
    }
    await deadline.sleep(delay);
  }
}
