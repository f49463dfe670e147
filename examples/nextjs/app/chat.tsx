"use client";
/** A prompt and its streamed answer. Stop ends the call: what was delivered is charged. */
import { useRef, useState, type FormEvent } from "react";

export function Chat({ onEnd }: { onEnd: () => Promise<void> }) {
  const [answer, setAnswer] = useState("");
  const [error, setError] = useState("");
  const call = useRef<AbortController>(undefined);

  const ask = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const prompt = new FormData(event.currentTarget).get("prompt");
    call.current?.abort();
    call.current = new AbortController();
    const { signal } = call.current;
    setAnswer("");
    setError("");
    try {
      await stream(prompt, signal, (text) => setAnswer((before) => before + text));
    } catch (failure) {
      if (!signal.aborted) setError(String(failure));
    }
    await onEnd();
  };

  return (
    <form onSubmit={ask}>
      <textarea name="prompt" rows={3} cols={60} defaultValue="Hello" required />
      <br />
      <button>Send</button>{" "}
      <button type="button" onClick={() => call.current?.abort()}>
        Stop
      </button>
      <pre>{answer}</pre>
      {error && <p role="alert">{error}</p>}
    </form>
  );
}

/** Sends a prompt and passes on each part of the answer. */
async function stream(
  prompt: FormDataEntryValue | null,
  signal: AbortSignal,
  onText: (text: string) => void,
): Promise<void> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ prompt });
  const response = await fetch("/api/chat", { method: "POST", headers, body, signal });
  if (response.status === 402) {
    const { missing } = (await response.json()) as { missing: number };
    throw new Error(`missing credits: ${missing}; buy some, and ask again`);
  }
  if (!response.ok || !response.body) throw new Error(await response.text());
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) onText(part.value);
}
