import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import {
  PrecisionError,
  ProblemError,
  ScripClient,
  UnansweredError,
  UnreachableError,
} from "../src/index.js";
import { AmqpClient } from "../src/amqp/index.js";
import { Server, freePort } from "./server.js";

let server: Server;
let scrip: ScripClient;
before(async () => {
  server = await Server.start();
  scrip = server.client();
});
after(() => server.end());

async function register(userId: string): Promise<void> {
  const referenceId = `signup-${userId}`;
  await scrip.grant({ referenceId, userId, reason: "registration_bonus" });
}

/** A server that answers as `listener` says, and a client for it. */
async function fake(listener: RequestListener) {
  const http = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => http.once("listening", resolve));
  const { port } = http.address() as AddressInfo;
  const client = new ScripClient({
    url: `http://127.0.0.1:${port}/`,
    token: "secret-token",
    timeoutMs: 30_000,
    retry: { minDelayMs: 1 },
  });
  return { client, [Symbol.asyncDispose]: async () => void http.close() };
}

test("commands return outcomes, and a refusal is an outcome", async () => {
  await register("ada");
  const outcome = await scrip.consume({
    referenceId: "chat-1",
    userId: "ada",
    service: "google:chat",
  });
  assert.deepEqual([outcome.status, outcome.amount, outcome.available], ["completed", -2, 18]);
  const refused = await scrip.consume({
    referenceId: "image-1",
    userId: "ada",
    service: "google:image",
    quantity: 100,
  });
  assert.deepEqual([refused.status, refused.error?.code], ["failed", "insufficient_credits"]);
  assert.equal(refused.error?.required, 500);
  const refund = await scrip.refund({ referenceId: "chat-1:refund", userId: "ada", of: "chat-1" });
  assert.equal(refund.amount, 2);
});

test("every command of a bridge is applied", async () => {
  const userId = "bea";
  const bought = { purchaseId: "pi_1", packageId: "lite", amountPaid: "9.99", currency: "USD" };
  assert.equal((await scrip.purchase({ referenceId: "pi_1", userId, ...bought })).balance, 110);
  const subscription = { subscriptionId: "sub_1", plan: "none", status: "active" } as const;
  const refused = await scrip.subscribe({ referenceId: "evt_1", userId, ...subscription });
  assert.equal(refused.error?.code, "unknown_plan");
  const revoked = await scrip.revoke({ referenceId: "re_1", userId, of: "pi_1" });
  assert.equal(revoked.taken, 110);
  const restored = await scrip.reinstate({ referenceId: "re_1:won", userId, of: "re_1" });
  assert.equal(restored.restored, 110);
  const decision = { userId, reason: "test", actor: "ops:test" };
  assert.equal((await scrip.freeze({ referenceId: "f-1", ...decision })).status, "completed");
  assert.equal((await scrip.unfreeze({ referenceId: "f-2", ...decision })).status, "completed");
  const none = await scrip.forgive({ referenceId: "f-3", ...decision });
  assert.equal(none.error?.code, "forgive_exceeds_debt");
});

test("every query has its result", async () => {
  const userId = "team/eve ü";
  await register(userId);
  await scrip.consume({ referenceId: "eve-1", userId, service: "google:chat" });
  assert.equal((await scrip.balance(userId)).availableCredits, 18);
  assert.equal((await scrip.batches(userId)).items.length, 1);
  assert.equal((await scrip.holds(userId, true)).items.length, 0);
  const first = await scrip.transactions(userId, { pageSize: 1 });
  assert.equal(first.items[0]?.referenceId, "eve-1");
  const cursor = first.nextCursor ?? "";
  const second = await scrip.transactions(userId, { pageSize: 1, cursor });
  assert.equal(second.items[0]?.referenceId, `signup-${userId}`);
  assert.equal((await scrip.price("google:image", 3)).credits, 15);
  assert.ok((await scrip.packages()).items.some(({ id }) => id === "lite"));
  assert.equal((await scrip.quote(userId, "google:chat")).allowed, true);
  assert.equal((await scrip.quote(userId, "google:chat", { amount: 19 })).allowed, false);
});

test("a published command has a receipt, and its outcome can be awaited", async () => {
  await register("finn");
  const command = { referenceId: "f/1", userId: "finn", service: "google:chat" };
  const receipt = await scrip.publish({ type: "consume", ...command });
  assert.deepEqual([receipt.status, receipt.origin], ["accepted", "usage"]);
  assert.equal((await scrip.wait(receipt)).amount, -2);
  assert.equal(await scrip.outcome("usage", "none"), undefined);
  const missing = { ...receipt, referenceId: "none" };
  // Each request has its answer, also one that would come after the time limit.
  const patient = server.client({ fetch: (input, init) => fetch(input, { ...init, signal: null }) });
  await assert.rejects(patient.wait(missing, { timeoutMs: 300 }), UnansweredError);
});

test("a batch is published in its order", async () => {
  await register("gus");
  const commands = [1, 2, 3].map((number) => ({
    type: "consume" as const,
    referenceId: `gus-${number}`,
    userId: "gus",
    service: "google:chat",
  }));
  const receipts = await scrip.publishAll(commands);
  assert.deepEqual(receipts.map(({ status }) => status), ["accepted", "accepted", "accepted"]);
  const outcomes = await scrip.sendAll(commands);
  assert.deepEqual(outcomes.map(({ status }) => status), ["completed", "completed", "completed"]);
  assert.equal((await scrip.balance("gus")).balance, 14);
});

test("a wrong request is a problem with code and field", async () => {
  const wrong = { referenceId: "w-1", userId: "ada", service: "google:chat", quantity: 1.5 };
  await assert.rejects(scrip.consume(wrong), (error: ProblemError) => {
    assert.deepEqual([error.code, error.field, error.status], ["invalid_field", "quantity", 400]);
    assert.match(error.message, /quantity/);
    return error instanceof ProblemError;
  });
  const stranger = server.client({ token: "wrong" });
  await assert.rejects(stranger.balance("ada"), { name: "ProblemError", code: "invalid_token" });
  await assert.rejects(scrip.userToken("ada"), { name: "ProblemError", code: "user_tokens_off" });
});

test("a request to no server is unreachable, without the token in the error", async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const nowhere = new ScripClient({ url, token: "secret-token", timeoutMs: 300 });
  await assert.rejects(nowhere.balance("ada"), (error: UnreachableError) => {
    assert.doesNotMatch(JSON.stringify(error) + error.stack + error.cause, /secret-token/);
    return error instanceof UnreachableError;
  });
});

test("a token or URL that cannot be used is an error that does not show it", async () => {
  const url = "http://127.0.0.1:1";
  for (const token of ["secret\nx", "sec\u200bret", "", undefined as unknown as string]) {
    assert.throws(() => new ScripClient({ url, token }), (error: ProblemError) => {
      assert.doesNotMatch(error.stack + String(error.cause), /secret|sec\u200bret/);
      return error.field === "token";
    });
  }
  assert.ok(new ScripClient({ url, token: "secret\n" }));
  for (const wrong of ["http://app:secret@host", "http://app:secret", "secret", "ftp://secret"]) {
    assert.throws(() => new ScripClient({ url: wrong, token: "t" }), (error: ProblemError) => {
      assert.doesNotMatch(error.stack + String(error.cause), /secret/);
      return error.field === "url";
    });
  }
  const withPassword = "amqp://app:se#cret@host/%2f";
  assert.throws(() => new AmqpClient({ url: withPassword }), (error: ProblemError) => {
    assert.doesNotMatch(error.stack + String(error.cause), /se#cret/);
    return error.field === "url";
  });
});

test("a busy server is asked again after the time that it names, with the same body", async () => {
  const bodies: string[] = [];
  const times: number[] = [];
  await using busy = await fake((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part)).on("end", () => {
      bodies.push(body);
      times.push(Date.now());
      const isBusy = bodies.length < 3;
      response.writeHead(isBusy ? 503 : 200, isBusy ? { "retry-after": "1" } : {});
      response.end(isBusy ? "busy" : JSON.stringify({ referenceId: "r", status: "completed" }));
    });
  });
  const command = { referenceId: "r", userId: "ada", service: "google:chat" };
  const outcome = await busy.client.consume(command);
  assert.equal(outcome.status, "completed");
  assert.equal(new Set(bodies).size, 1);
  assert.ok((times[2] ?? 0) - (times[0] ?? 0) >= 2_000);
});

test("an abort ends a request at once", async () => {
  await using silent = await fake(() => {});
  const abort = new AbortController();
  const balance = silent.client.balance("ada", { signal: abort.signal });
  setTimeout(() => abort.abort(new Error("the user left")), 50);
  await assert.rejects(balance, /the user left/);
});

test("a number that JavaScript would round is an error", async () => {
  const numbers = '{"availableCredits":9007199254740993,"metadata":{"free":9007199254740993}}';
  await using rich = await fake((_, response) => void response.end(numbers));
  await assert.rejects(rich.client.balance("ada"), (error: PrecisionError) => {
    assert.equal(error.field, "availableCredits");
    return error instanceof PrecisionError;
  });
  await using exact = await fake((_, response) => void response.end('{"balance":9007199254740991}'));
  assert.equal((await exact.client.balance("ada")).balance, 2 ** 53 - 1);
});
