/** Reserved credits that are captured or released. */
import { ProblemError, ScripError, completed } from "./errors.js";
import type { Ledger } from "./ledger.js";
import type { Command, CommandOptions, CommandType, Input, Origin, Outcome } from "./types.js";

/** The bytes that the references of captures and of the release add to that of the hold. */
const SUFFIX_BYTES = 12;
const MAX_REFERENCE_BYTES = 200 - SUFFIX_BYTES;

// Not every edge runtime has it yet. TypeScript and esbuild look it up by this name.
(Symbol as { asyncDispose?: symbol }).asyncDispose ??= Symbol.for("Symbol.asyncDispose");

/** What a capture charges: units, credits, or (without both) all that is still reserved. */
export type Usage = Pick<Input<"capture">, "quantity" | "amount" | "description" | "metadata">;

/** What becomes of a cost beyond the hold, and of a capture whose hold has ended. */
export type CaptureRules = Pick<Input<"capture">, "overrun" | "late">;

/** Throws unless the references that follow from the reference of a hold fit. */
export function checkHoldReference(reference: string): void {
  const bytes = new TextEncoder().encode(reference).length;
  if (bytes > MAX_REFERENCE_BYTES) {
    const limit = `must have at most ${MAX_REFERENCE_BYTES} bytes for a guard, got ${bytes}`;
    throw new ProblemError("invalid_field", `\`referenceId\` ${limit}`, { field: "referenceId" });
  }
}

/**
 * Credits that are reserved for one piece of work. The references of its commands follow from that
 * of the hold: `{hold}:1`, `{hold}:2` and so on for captures, and `{hold}:release`.
 *
 * With `await using`, leaving the block releases what was not captured. Commands of one guard are
 * sent one after the other.
 */
export class HoldGuard implements AsyncDisposable {
  /**
   * Sent with each capture. The work was delivered, so by default it is charged as far as possible.
   */
  rules: CaptureRules = { overrun: "cap" };
  #state: "open" | "unsettled" | "ended" = "open";
  #captures = 0;
  /** The end of the command before. */
  #before: Promise<unknown> = Promise.resolve();
  readonly #origin: { origin?: Origin };

  constructor(
    readonly ledger: Ledger,
    /** The outcome of the `hold`. */
    readonly outcome: Outcome,
    origin?: Origin,
  ) {
    this.#origin = origin ? { origin } : {};
  }

  /** The reference of the hold. */
  get referenceId(): string {
    return this.outcome.referenceId;
  }

  /** The credits that were reserved at first. */
  get held(): number {
    return this.outcome.held ?? 0;
  }

  /** Whether the hold was captured, released or kept. */
  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /**
   * Charges the work and ends the hold. Throws a `RefusedError` if the ledger refuses: then the
   * hold still reserves its credits, and the guard does not release it, because the work was
   * delivered. After another error the capture may be applied: call this again with the same usage.
   */
  capture(usage: Usage = {}, options?: CommandOptions): Promise<Outcome> {
    return this.#capture(usage, {}, options);
  }

  /** Charges a part of the work and keeps the rest reserved. Throws as `capture` does. */
  captureStep(usage: Usage, options?: CommandOptions): Promise<Outcome> {
    return this.#capture(usage, { final: false }, options);
  }

  /** Ends the hold without a charge. */
  release(options?: CommandOptions): Promise<Outcome> {
    return this.#inTurn(async () => {
      const outcome = await this.#send({ type: "release", referenceId: "release" }, options);
      if (outcome.status === "completed") this.#state = "ended";
      return outcome;
    });
  }

  /** Keeps the hold after the guard is gone, until it is captured, released or ends by time. */
  keep(): string {
    this.#state = "ended";
    return this.referenceId;
  }

  /**
   * Releases the hold if it is open. Errors are ignored, because the hold ends by time. A hold
   * whose last capture was refused or has no outcome is not released.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#before;
    if (this.#state !== "open") return;
    await this.release({ timeoutMs: 5_000 }).catch(() => {});
  }

  /** Runs after the commands before, which may have failed. */
  #inTurn(work: () => Promise<Outcome>): Promise<Outcome> {
    const result = this.#before.then(work);
    this.#before = result.catch(() => {});
    return result;
  }

  #capture(usage: Usage, kind: { final?: false }, options?: CommandOptions): Promise<Outcome> {
    return this.#inTurn(async () => {
      const referenceId = String(this.#captures + 1);
      const command = { type: "capture", referenceId, ...usage, ...this.rules, ...kind } as const;
      const outcome = await this.#send(command, options);
      this.#captures += 1;
      if (outcome.status === "failed" && this.#state === "open") this.#state = "unsettled";
      completed(outcome);
      if (kind.final !== false) this.#state = "ended";
      return outcome;
    });
  }

  async #send(command: { type: CommandType; referenceId: string }, options?: CommandOptions) {
    if (this.#state === "ended") {
      throw new ScripError("hold_ended", `the hold ${this.referenceId} was captured or released`);
    }
    const hold = this.referenceId;
    const referenceId = `${hold}:${command.referenceId}`;
    const body = { ...command, referenceId, userId: this.outcome.userId, hold };
    // What fails here has sent nothing.
    options?.signal?.throwIfAborted();
    JSON.stringify(body);
    const before = this.#state;
    this.#state = "unsettled";
    try {
      const outcome = await this.ledger.send(body as unknown as Command, {
        ...this.#origin,
        ...options,
      });
      this.#state = outcome.error?.code === "hold_closed" ? "ended" : "open";
      return outcome;
    } catch (error) {
      const isApplied = !(error instanceof ProblemError) || error.mayBeApplied;
      if (!isApplied) this.#state = before;
      throw error;
    }
  }
}
