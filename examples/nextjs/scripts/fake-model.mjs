/**
 * A model server with the API of OpenAI, so that the example runs without a key. It counts a token
 * for each started four bytes. Some prompts have an effect of their own: `/fail` fails, `/cut`
 * loses the connection after half of the answer, and `/endless` delivers half and never ends.
 */
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

const SENTENCE = "This answer comes from a fake model that has no idea of what you have asked it. ";
const WORDS = SENTENCE.repeat(12).match(/\S+\s/g) ?? [];
const PAUSE_MS = 5;

const port = Number(process.env.FAKE_MODEL_PORT ?? 9090);
const server = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => void answer(JSON.parse(body), response));
});
server.listen(port, "127.0.0.1", () => {
  console.log(`fake model at http://127.0.0.1:${server.address().port}/v1`);
});

function tokens(text) {
  return Math.ceil(Buffer.byteLength(text) / 4);
}

/** Streams an answer, as the prompt says. */
async function answer({ messages, model }, response) {
  const content = messages.at(-1)?.content ?? "";
  const prompt = typeof content === "string" ? content : content.map(({ text }) => text).join("");
  if (prompt === "/fail") {
    response.writeHead(400, { "content-type": "application/json" });
    return response.end('{"error":{"message":"the fake model fails as it was asked to"}}');
  }
  const send = (chunk) => {
    const head = { id: "fake", object: "chat.completion.chunk", created: 1, model };
    response.write(`data: ${JSON.stringify({ ...head, ...chunk })}\n\n`);
  };
  const isWhole = prompt !== "/cut" && prompt !== "/endless";
  const words = isWhole ? WORDS : WORDS.slice(0, WORDS.length / 2);
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const word of words) {
    send({ choices: [{ index: 0, delta: { content: word }, finish_reason: null }] });
    await pause(PAUSE_MS);
  }
  if (prompt === "/cut") return response.destroy();
  if (prompt === "/endless") return;
  send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  const [prompt_tokens, completion_tokens] = [tokens(prompt), tokens(words.join(""))];
  const total_tokens = prompt_tokens + completion_tokens;
  send({ choices: [], usage: { prompt_tokens, completion_tokens, total_tokens } });
  response.end("data: [DONE]\n\n");
}
