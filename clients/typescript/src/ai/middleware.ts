/** The middleware: hold, call the model, capture what it used. */
import type {
  LanguageModelV3CallOptions,
  LanguageModelV3Middleware,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
} from "@ai-sdk/provider";
import type { CaptureRules } from "../hold.js";
import type { Ledger } from "../ledger.js";
import type { Outcome } from "../types.js";
import { Meter, allTokens, answerOf, deltaOf, roughTokens, textOf } from "./meter.js";

/** How calls are charged. */
export interface MeterOptions {
  ledger: Ledger;
  /** The user who pays. */
  userId: string;
  /** The service whose price is that of a token, such as `llm:tokens`. */
  service: string;
  /**
   * The id of the request in your app. It names the hold of the first call of the model; further
   * calls, such as those of an agent, have `{referenceId}/2` and so on. A second run with the same
   * id is refused with `reference_conflict` before the model is called.
   */
  referenceId: string;
  /** The most tokens that one call may answer, unless the call names a number. */
  maxOutputTokens: number;
  /** The end of each hold in seconds. Default: 300. */
  expiresInSeconds?: number;
  /** What becomes of a cost beyond the hold. Default: `overrun: "cap"`. */
  rules?: CaptureRules;
  /** The tokens of a usage that are charged. Default: those of the prompt and of the answer. */
  tokens?: (usage: LanguageModelV3Usage) => number | undefined;
  /** Counts the tokens of a text. Default: one for each started four bytes. */
  countTokens?: (text: string) => number;
  /** Gets the outcome of each capture or release. */
  onOutcome?: (outcome: Outcome) => void;
  /** Gets the error of a capture or release. Without it, the call fails with that error. */
  onError?: (error: unknown) => void;
}

/**
 * Returns a middleware that charges each call of the model. It holds credits for the prompt and for
 * the longest answer, and throws a `RefusedError` before the call if credits are missing. At the
 * end it captures the usage that the model reports. When a call is aborted or fails, it captures a
 * count of the prompt and of what was delivered, and nothing if nothing was delivered.
 */
export function meterCredits(options: MeterOptions): LanguageModelV3Middleware {
  const countTokens = options.countTokens ?? roughTokens;
  const tokens = options.tokens ?? allTokens;
  let calls = 0;

  const begin = async (params: LanguageModelV3CallOptions): Promise<Meter> => {
    calls += 1;
    const suffix = calls === 1 ? "" : `/${calls}`;
    const input = countTokens(textOf(params.prompt));
    const { userId, service, expiresInSeconds = 300 } = options;
    const referenceId = options.referenceId + suffix;
    const quantity = Math.max(1, input + (params.maxOutputTokens ?? options.maxOutputTokens));
    const request = params.abortSignal ? { signal: params.abortSignal } : {};
    // Another run with the same id has another time, so its hold is refused before the call.
    const expiresAt = new Date(Date.now() + expiresInSeconds * 1_000).toISOString();
    const command = { referenceId, userId, service, quantity, expiresAt };
    const hold = await options.ledger.hold(command, request);
    if (options.rules) hold.rules = options.rules;
    const { onOutcome, onError } = options;
    return new Meter(hold, input, { countTokens, onOutcome, onError });
  };

  /** Calls the model. The error of the model is more important than that of the ledger. */
  const call = async <T>(meter: Meter, model: () => PromiseLike<T>): Promise<T> => {
    try {
      return await model();
    } catch (error) {
      await meter.end().catch(() => {});
      throw error;
    }
  };

  return {
    specificationVersion: "v3",

    // The hold covers no more than this.
    transformParams: async ({ params }) => ({
      ...params,
      maxOutputTokens: params.maxOutputTokens ?? options.maxOutputTokens,
    }),

    wrapGenerate: async ({ doGenerate, params }) => {
      const meter = await begin(params);
      const result = await call(meter, doGenerate);
      meter.deliver(answerOf(result.content));
      meter.report(tokens(result.usage));
      await meter.end();
      return result;
    },

    wrapStream: async ({ doStream, params }) => {
      const meter = await begin(params);
      const result = await call(meter, doStream);
      return { ...result, stream: metered(result.stream, meter, tokens) };
    },
  };
}

/** Passes a stream on. The hold has ended before the stream ends, so a server may stop after it. */
function metered(
  stream: ReadableStream<LanguageModelV3StreamPart>,
  meter: Meter,
  tokens: (usage: LanguageModelV3Usage) => number | undefined,
): ReadableStream<LanguageModelV3StreamPart> {
  const reader = stream.getReader();
  return new ReadableStream<LanguageModelV3StreamPart>({
    async pull(controller) {
      let result;
      try {
        result = await reader.read();
      } catch (error) {
        await meter.end().catch(() => {});
        throw error;
      }
      if (result.done) {
        await meter.end();
        controller.close();
        return;
      }
      const part = result.value;
      meter.deliver(deltaOf(part));
      if (part.type === "finish") {
        meter.report(tokens(part.usage));
        await meter.end();
      }
      controller.enqueue(part);
    },
    async cancel(reason) {
      await reader.cancel(reason).catch(() => {});
      await meter.end();
    },
  });
}
