/** One metered call: what was delivered, what was reported, and how its hold ends. */
import type {
  LanguageModelV3Content,
  LanguageModelV3Prompt,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
} from "@ai-sdk/provider";
import { completed } from "../errors.js";
import type { HoldGuard } from "../hold.js";
import type { Outcome } from "../types.js";

/** The bytes of a token, for a rough count. */
const BYTES_PER_TOKEN = 4;

/** Returns a rough number of tokens: one for each started four bytes. */
export function roughTokens(text: string): number {
  return Math.ceil(new TextEncoder().encode(text).length / BYTES_PER_TOKEN);
}

/** Returns the texts of a prompt. Files are not counted: their size says nothing about tokens. */
export function textOf(prompt: LanguageModelV3Prompt): string {
  const texts = prompt.flatMap(({ content }) =>
    typeof content === "string" ? [content] : content.map(partText),
  );
  return texts.join("\n");
}

type PromptPart = Exclude<LanguageModelV3Prompt[number]["content"], string>[number];

/** Returns the text of a part of a prompt or of an answer. */
function partText(part: PromptPart | LanguageModelV3Content): string {
  if (part.type === "text" || part.type === "reasoning") return part.text;
  if (part.type === "tool-call") return asText(part.input);
  if (part.type !== "tool-result") return "";
  if (!("output" in part)) return asText(part.result);
  const { output } = part;
  if (output.type === "content") {
    return output.value.map((one) => (one.type === "text" ? one.text : "")).join("\n");
  }
  return "value" in output ? asText(output.value) : "";
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** Returns the text of an answer. */
export function answerOf(content: LanguageModelV3Content[]): string {
  return content.map(partText).join("");
}

/** Returns the text that a part of a stream delivers. */
export function deltaOf(part: LanguageModelV3StreamPart): string {
  const isText = part.type === "text-delta" || part.type === "reasoning-delta";
  return isText || part.type === "tool-input-delta" ? part.delta : "";
}

/** Returns all tokens that the model reports, or `undefined` if it reports none. */
export function allTokens({ inputTokens, outputTokens }: LanguageModelV3Usage): number | undefined {
  if (inputTokens.total === undefined && outputTokens.total === undefined) return undefined;
  return (inputTokens.total ?? 0) + (outputTokens.total ?? 0);
}

/** How a meter counts, and what gets its result. */
export interface MeterHooks {
  countTokens: (text: string) => number;
  onOutcome?: ((outcome: Outcome) => void) | undefined;
  onError?: ((error: unknown) => void) | undefined;
}

/** Ends the hold of one call, once. */
export class Meter {
  #delivered = "";
  #reported: number | undefined;
  #ended: Promise<void> | undefined;

  constructor(
    private readonly hold: HoldGuard,
    private readonly inputTokens: number,
    private readonly hooks: MeterHooks,
  ) {}

  /** Notes what was delivered. */
  deliver(text: string): void {
    this.#delivered += text;
  }

  /** Notes what the model reports. */
  report(tokens: number | undefined): void {
    this.#reported = tokens;
  }

  /**
   * Captures the reported usage. Without a report it captures a count of the prompt and of what was
   * delivered; if nothing was delivered, it releases the hold.
   */
  end(): Promise<void> {
    return (this.#ended ??= this.#end());
  }

  async #end(): Promise<void> {
    const { countTokens, onOutcome, onError } = this.hooks;
    const isEmpty = this.#delivered === "";
    const quantity =
      this.#reported ?? (isEmpty ? 0 : this.inputTokens + countTokens(this.#delivered));
    let outcome: Outcome;
    try {
      outcome =
        quantity === 0
          ? completed(await this.hold.release())
          : await this.hold.capture({ quantity });
    } catch (error) {
      if (!onError) throw error;
      return onError(error);
    }
    onOutcome?.(outcome);
  }
}
