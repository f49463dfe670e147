/** `POST /api/chat`: answers a prompt, and charges the tokens that the model reports. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText, wrapLanguageModel } from "ai";
import { meterCredits } from "scrip-client/ai";
import { beginAnswer } from "@/lib/answer";
import { currentUser } from "@/lib/currentUser";
import { ledger } from "@/lib/ledger";
import { failure, notSignedIn, problem } from "@/lib/problem";
import { MAX_OUTPUT_TOKENS, SERVICE, settings } from "@/lib/settings";

/** The most characters of a prompt. */
const MAX_PROMPT = 4_000;

export async function POST(request: Request): Promise<Response> {
  const userId = await currentUser();
  if (!userId) return notSignedIn();
  const { prompt } = (await request.json().catch(() => ({}))) as { prompt?: unknown };
  if (typeof prompt !== "string" || prompt === "" || prompt.length > MAX_PROMPT) {
    const found = typeof prompt === "string" ? `${prompt.length} characters` : typeof prompt;
    const detail = `\`prompt\` must be a text of 1 to ${MAX_PROMPT} characters, got ${found}`;
    return problem(400, "invalid_field", detail, { field: "prompt" });
  }

  const openai = createOpenAICompatible({
    name: "openai",
    baseURL: settings.modelUrl(),
    apiKey: settings.modelKey(),
    includeUsage: true, // the last part of the stream reports the tokens
  });
  // Holds credits before the call, and captures what was used when it ends, fails or is aborted.
  const model = wrapLanguageModel({
    model: openai(settings.model()),
    middleware: meterCredits({
      ledger: ledger(),
      userId,
      service: SERVICE,
      referenceId: `chat:${crypto.randomUUID()}`,
      maxOutputTokens: MAX_OUTPUT_TOKENS,
      onOutcome: ({ type, amount }) => console.log("chat ended", { userId, type, amount }),
    }),
  });
  const { fullStream } = streamText({
    model,
    prompt,
    abortSignal: request.signal, // the user closed the page or pressed Stop
    onError: () => {}, // `beginAnswer` throws it
  });
  try {
    const answer = await beginAnswer(fullStream);
    return new Response(answer, { headers: { "content-type": "text/plain; charset=utf-8" } });
  } catch (error) {
    return failure(error, "model_failed", "the model did not answer; nothing was charged");
  }
}
