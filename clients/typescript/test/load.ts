/** A load of consumptions that must each be applied once. */
import assert from "node:assert/strict";
import type { Ledger, Outcome } from "../src/index.js";

/** The credits of a user of a load, and the price of one consumption. */
export const START = 100_000;
export const PRICE = 2;

/** Sells a user the credits for a load. */
export async function fund(ledger: Ledger, userId: string): Promise<void> {
  const purchaseId = `pi-${userId}`;
  const outcome = await ledger.purchase(
    { referenceId: purchaseId, userId, purchaseId, credits: START },
    { timeoutMs: 60_000 },
  );
  assert.equal(outcome.status, "completed");
}

export function consumption(userId: string, number: number) {
  return { referenceId: `${userId}-${number}`, userId, service: "google:chat" };
}

/**
 * Consumes `count` times, 16 at once, and calls `at` before each consumption. Returns the outcomes.
 */
export async function consumeAll(
  ledger: Ledger,
  userId: string,
  count: number,
  at: (number: number) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const number = next++;
      at(number);
      const command = consumption(userId, number);
      outcomes.push(await ledger.consume(command, { timeoutMs: 90_000 }));
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return outcomes;
}

/** Checks that each of `count` consumptions was applied, and none twice. */
export async function checkApplied(
  ledger: Ledger,
  userId: string,
  count: number,
  outcomes: Outcome[],
): Promise<void> {
  assert.deepEqual(new Set(outcomes.map(({ status }) => status)), new Set(["completed"]));
  assert.equal(new Set(outcomes.map(({ referenceId }) => referenceId)).size, count);
  assert.equal((await ledger.balance(userId)).balance, START - PRICE * count);
}
