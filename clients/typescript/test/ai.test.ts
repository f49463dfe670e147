import assert from "node:assert/strict";
import { createServer, type Server as HttpServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText, wrapLanguageModel } from "ai";
import { textOf } from "../src/ai/meter.js";
import { meterCredits, type MeterOptions } from "../src/ai/index.js";
import type { Outcome, ScripClient } from "../src/index.js";
import { Server } from "./server.js";

/** The tokens that the model reports: at 100 tokens for a credit they cost 3 credits. */
const USAGE = { prompt_tokens: 100, completion_tokens: 150, total_tokens: 250 };
/** The text of each part of an answer: 400 bytes, so about 100 tokens. */
const PART = "word ".repeat(80);

let server: Server;
let scrip: ScripClient;
let models: HttpServer;
let calls = 0;
/** Cuts the connection of the last answer to "cut". */
let cut = () => {};

before(async () => {
  server = await Server.start();
  scrip = server.client();
  models = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part)).on("end", () => {
      calls += 1;
      answer(JSON.parse(body), response);
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => models.once("listening", resolve));
});
after(async () => {
  models.closeAllConnections();
  models.close();
  await server.end();
});

/** Answers as the prompt says: it streams, fails, cuts the connection, or never ends. */
function answer(
  { stream, messages }: { stream?: boolean; messages: { content: string }[] },
  response: ServerResponse,
): void {
  const prompt = messages.at(-1)?.content ?? "";
  const head = { id: "1", created: 1, model: "fake" };
  if (prompt === "fail") return void response.writeHead(400).end('{"error":{"message":"no"}}');
  if (!stream) {
    const message = { role: "assistant", content: PART };
    const choices = [{ index: 0, message, finish_reason: "stop" }];
    response.writeHead(200, { "content-type": "application/json" });
    return void response.end(JSON.stringify({ ...head, choices, usage: USAGE }));
  }
  const send = (chunk: object) => response.write(`data: ${JSON.stringify({ ...head, ...chunk })}\n\n`);
  const delta = { choices: [{ index: 0, delta: { content: PART } }] };
  response.writeHead(200, { "content-type": "text/event-stream" });
  send(delta);
  send(delta);
  if (prompt === "cut") cut = () => response.destroy();
  if (prompt !== "answer") return;
  send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage: USAGE });
  response.end("data: [DONE]\n\n");
}

/** A user with 20 credits, and a model that charges them. */
async function metered(userId: string, options: Partial<MeterOptions> = {}) {
  await scrip.grant({ referenceId: `signup-${userId}`, userId, reason: "registration_bonus" });
  const outcomes: Outcome[] = [];
  const { port } = models.address() as AddressInfo;
  const baseURL = `http://127.0.0.1:${port}/v1`;
  const model = wrapLanguageModel({
    model: createOpenAICompatible({ name: "fake", baseURL, includeUsage: true })("fake"),
    middleware: meterCredits({
      ledger: scrip,
      userId,
      service: "llm:tokens",
      referenceId: `request-${userId}`,
      maxOutputTokens: 500,
      onOutcome: (outcome) => outcomes.push(outcome),
      ...options,
    }),
  });
  return { model, outcomes };
}

async function available(userId: string): Promise<number> {
  assert.equal((await scrip.holds(userId)).items.length, 0, "no hold is left");
  return (await scrip.balance(userId)).availableCredits;
}

test("a call is charged by the usage that the model reports", async () => {
  const { model, outcomes } = await metered("ada");
  const { text } = await generateText({ model, prompt: "answer" });
  assert.equal(text, PART);
  assert.deepEqual([outcomes[0]?.type, outcomes[0]?.amount], ["capture", -3]);
  await generateText({ model, prompt: "answer" });
  assert.equal(outcomes[1]?.referenceId, "request-ada/2:1");
  assert.equal(await available("ada"), 14);
});

test("a stream is charged before it ends", async () => {
  const { model, outcomes } = await metered("bob");
  const { textStream } = streamText({ model, prompt: "answer" });
  let text = "";
  for await (const part of textStream) text += part;
  assert.equal(text, PART + PART);
  assert.deepEqual(outcomes.map(({ amount }) => amount), [-3]);
  assert.equal(await available("bob"), 17);
});

test("a call that is not covered is refused before the model is called", async () => {
  const { model } = await metered("eve", { maxOutputTokens: 5_000 });
  const before = calls;
  await assert.rejects(generateText({ model, prompt: "answer" }), {
    name: "RefusedError",
    code: "insufficient_credits",
  });
  assert.equal(calls, before);
  assert.equal(await available("eve"), 20);
});

test("a second run with the same id is refused before the model is called", async () => {
  const { model } = await metered("jan");
  await generateText({ model, prompt: "answer" });
  const { model: again } = await metered("jan");
  const before = calls;
  await assert.rejects(generateText({ model: again, prompt: "answer" }), {
    name: "RefusedError",
    code: "reference_conflict",
  });
  assert.equal(calls, before);
  assert.equal(await available("jan"), 17);
});

test("files in a prompt are not counted", () => {
  const image = Buffer.alloc(3_000, 200);
  const url = new URL("https://x.example");
  const files = [image, new Uint8Array(image), image.toString("base64"), url];
  const count = (data: Uint8Array | string | URL) =>
    textOf([
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "What is it?" },
          { type: "file", mediaType: "image/png", data },
        ],
      },
    ]).length;
  assert.deepEqual(files.map(count), files.map(() => "Be brief.\nWhat is it?\n".length));
});

test("a call that fails costs nothing", async () => {
  const { model, outcomes } = await metered("finn");
  await assert.rejects(generateText({ model, prompt: "fail", maxRetries: 0 }));
  assert.equal(outcomes[0]?.type, "release");
  assert.equal(await available("finn"), 20);
});

test("a stream that fails is charged by what was delivered", async () => {
  const { model, outcomes } = await metered("gus");
  const { textStream } = streamText({ model, prompt: "cut", onError: () => {} });
  let text = "";
  await assert.rejects(async () => {
    for await (const part of textStream) {
      text += part;
      if (text === PART + PART) cut();
    }
    throw new Error("the stream ended");
  });
  assert.equal(text, PART + PART);
  // 200 tokens of the answer and a few of the prompt.
  assert.deepEqual([outcomes[0]?.type, outcomes[0]?.amount], ["capture", -3]);
  assert.equal(await available("gus"), 17);
});

test("an aborted stream is charged by what was delivered", async () => {
  const settled = withResolvers<Outcome>();
  const { model } = await metered("hal", { onOutcome: settled.resolve });
  const abort = new AbortController();
  const { textStream } = streamText({
    model,
    prompt: "wait",
    abortSignal: abort.signal,
    onError: () => {},
  });
  for await (const part of textStream) {
    if (part) abort.abort();
  }
  const outcome = await settled.promise;
  assert.equal(outcome.type, "capture");
  assert.ok([-2, -3].includes(outcome.amount ?? 0), `${outcome.amount}`);
  assert.equal(await available("hal"), 20 + (outcome.amount ?? 0));
});

test("without credits left, a usage beyond the hold is capped", async () => {
  const { model, outcomes } = await metered("ida", { maxOutputTokens: 1, tokens: () => 5_000 });
  await generateText({ model, prompt: "answer" });
  assert.deepEqual([outcomes[0]?.amount, outcomes[0]?.uncaptured], [-20, 30]);
});

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}
