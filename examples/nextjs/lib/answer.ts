/** The answer of a model as a stream of bytes for a response. */
import type { streamText } from "ai";

type Parts = ReturnType<typeof streamText>["fullStream"];

/**
 * Waits for the first text and returns the whole answer as a stream. Throws if the call was refused
 * or failed before, so that the response can have a status of its own.
 */
export async function beginAnswer(parts: Parts): Promise<ReadableStream<Uint8Array>> {
  const reader = parts.getReader();
  const encoder = new TextEncoder();

  /** Returns the next text, or `undefined` at the end. */
  const read = async (): Promise<string | undefined> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || value.type === "abort") return undefined;
      if (value.type === "error") throw value.error;
      if (value.type === "text-delta") return value.text;
    }
  };

  let text = await read();
  return new ReadableStream({
    async pull(controller) {
      if (text === undefined) return controller.close();
      controller.enqueue(encoder.encode(text));
      text = await read();
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
