import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { HoldGuard, ScripClient } from "../src/index.js";
import { Server } from "./server.js";

let server: Server;
let scrip: ScripClient;
let calls = 0;
before(async () => {
  server = await Server.start();
  scrip = server.client();
});
after(() => server.end());

/** A user with 20 credits and a hold of 10 of them. */
async function hold(): Promise<HoldGuard> {
  calls += 1;
  const userId = `user-${calls}`;
  const bonus = { referenceId: `signup-${calls}`, userId, reason: "registration_bonus" } as const;
  await scrip.grant(bonus);
  const call = { referenceId: `call-${calls}`, userId, service: "llm:tokens", quantity: 1_000 };
  return scrip.hold(call);
}

async function available(guard: HoldGuard): Promise<number> {
  return (await scrip.balance(guard.outcome.userId)).availableCredits;
}

/** Waits for the release, whose outcome a guard awaits for 5 s only. */
async function released({ referenceId, outcome: { userId } }: HoldGuard): Promise<void> {
  const release = { type: "release", referenceId: `${referenceId}:release`, userId } as const;
  await scrip.wait({ ...release, origin: "usage", status: "accepted" });
}

test("a guard captures what was used", async () => {
  const guard = await hold();
  assert.equal(guard.held, 10);
  const outcome = await guard.capture({ quantity: 250 });
  assert.deepEqual([outcome.amount, outcome.available], [-3, 17]);
  await assert.rejects(guard.capture(), { code: "hold_ended" });
  assert.ok(guard.hasEnded);
});

test("a guard captures in steps and releases the rest at the end of its block", async () => {
  let after: HoldGuard;
  {
    await using guard = await hold();
    await guard.captureStep({ quantity: 100 });
    await guard.captureStep({ amount: 2 });
    assert.equal(await available(guard), 10);
    after = guard;
  }
  await released(after);
  assert.equal(await available(after), 17);
  await assert.rejects(after.release(), { code: "hold_ended" }, "the guard has released");
});

test("a guard releases the hold when the work fails", async () => {
  let after: HoldGuard | undefined;
  const work = async () => {
    await using guard = await hold();
    after = guard;
    throw new Error("the model failed");
  };
  await assert.rejects(work(), /the model failed/);
  assert.ok(after);
  await released(after);
  assert.equal(await available(after), 20);
});

test("a kept hold stays", async () => {
  const guard = await hold();
  assert.equal(guard.keep(), guard.referenceId);
  await guard[Symbol.asyncDispose]();
  assert.equal(await available(guard), 10);
});

test("a refused hold is an error with its outcome", async () => {
  const call = { referenceId: "none-1", userId: "none", service: "llm:tokens" };
  await assert.rejects(scrip.hold(call), { name: "RefusedError", code: "wallet_not_found" });
  const long = { ...call, referenceId: "x".repeat(189) };
  await assert.rejects(scrip.hold(long), { name: "ProblemError", field: "referenceId" });
});

test("a refused capture is an error, and its hold is not released", async () => {
  const guard = await hold();
  {
    await using refused = guard;
    refused.rules = { overrun: "spend" };
    const capture = refused.capture({ quantity: 5_000 });
    await assert.rejects(capture, { name: "RefusedError", code: "insufficient_credits" });
  }
  assert.equal(await available(guard), 10);
  guard.rules = { overrun: "cap" };
  const capped = await guard.capture({ quantity: 5_000 });
  assert.deepEqual([capped.amount, capped.uncaptured], [-20, 30]);
});

test("without rules, a cost beyond the hold is charged as far as there are credits", async () => {
  const guard = await hold();
  const capped = await guard.capture({ quantity: 5_000 });
  assert.deepEqual([capped.amount, capped.uncaptured], [-20, 30]);
});

test("captures at the same time are different captures", async () => {
  const guard = await hold();
  const steps = [1, 2, 3].map(() => guard.captureStep({ quantity: 100 }));
  const outcomes = await Promise.all(steps);
  assert.deepEqual(outcomes.map(({ amount }) => amount), [-1, -1, -1]);
  await guard.release();
  assert.equal(await available(guard), 17);
});

test("a capture that sends nothing leaves the hold to be released", async () => {
  const guard = await hold();
  const { signal } = aborted();
  {
    await using open = guard;
    await assert.rejects(open.capture({ quantity: 1 }, { signal }), /the user left/);
    const metadata: Record<string, unknown> = {};
    metadata["self"] = metadata;
    await assert.rejects(open.capture({ quantity: 1, metadata }), TypeError);
  }
  assert.equal(await available(guard), 20);
});

test("an aborted hold is released", async () => {
  const guard = await hold();
  await guard.release();
  const { userId } = guard.outcome;
  const abort = new AbortController();
  const lost: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (String(init?.body).includes('"hold"')) abort.abort(new Error("the user left"));
    init?.signal?.throwIfAborted();
    return response;
  };
  const client = server.client({ fetch: lost });
  const call = { referenceId: `${userId}-aborted`, userId, service: "llm:tokens" };
  await assert.rejects(client.hold(call, { signal: abort.signal }), /the user left/);
  const receipt = { ...call, type: "release", origin: "usage", status: "accepted" } as const;
  await scrip.wait({ ...receipt, referenceId: `${call.referenceId}:release` });
  assert.equal(await available(guard), 20);
});

function aborted(): AbortController {
  const controller = new AbortController();
  controller.abort(new Error("the user left"));
  return controller;
}
