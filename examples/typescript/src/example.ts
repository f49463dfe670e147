/**
 * Register a user, sell credits, charge a chat, and survive a lost connection.
 *
 * usage: node dist/example.js USER
 */
import { argv, env, exit } from "node:process";
import { ScripClient, type Outcome } from "./scripClient.js";

const AMQP_URL = env["AMQP_URL"] ?? "amqp://guest:guest@127.0.0.1:5672/%2f";
// The account that may add credits. An account that only spends cannot.
const BRIDGE_AMQP_URL = env["BRIDGE_AMQP_URL"] ?? AMQP_URL;
const NAMESPACE = env["SCRIP_NAMESPACE"] ?? "credits";

/** Describes an outcome in one line. */
function describe({ error, amount = 0, balance, replayed }: Outcome): string {
  if (error?.code === "insufficient_credits") {
    const needs = `${error.required} required, ${error.available} available`;
    return `refused, insufficient_credits, ${needs}`;
  }
  if (error) return `refused, ${error.code}`;
  const sign = amount > 0 ? "+" : "";
  return `completed, ${sign}${amount} credits, balance ${balance}${replayed ? ", replayed" : ""}`;
}

/** Runs every step and prints one line for each. */
async function main(user: string): Promise<void> {
  const bridge = new ScripClient(BRIDGE_AMQP_URL, NAMESPACE);
  const app = new ScripClient(AMQP_URL, NAMESPACE);
  try {
    let outcome = await bridge.register(`signup-${user}`, user);
    console.log(`1. register: ${describe(outcome)}`);

    const paid = { amountPaid: "9.99", currency: "USD" };
    outcome = await bridge.purchase(`pi-${user}`, user, "lite", paid);
    console.log(`2. buy lite: ${describe(outcome)}`);

    outcome = await app.consume(`chat-${user}`, user, "google:chat");
    console.log(`3. charge a chat: ${describe(outcome)}`);

    // The same reference names the same charge: the stored outcome comes back.
    outcome = await app.consume(`chat-${user}`, user, "google:chat");
    console.log(`4. charge it again: ${describe(outcome)}`);

    outcome = await app.consume(`images-${user}`, user, "google:image", 100);
    console.log(`5. charge 100 images: ${describe(outcome)}`);

    // The connection ends while the charge is on its way. The client reconnects and resends it.
    const charging = app.consume(`image-${user}`, user, "google:image");
    await app.close();
    outcome = await charging;
    console.log(`6. lose the connection: ${outcome.status}, balance ${outcome.balance}`);

    const balance = await app.balance(user);
    console.log(`7. balance: ${balance.availableCredits} available`);
  } finally {
    await Promise.all([bridge.close(), app.close()]);
  }
}

const [user, ...rest] = argv.slice(2);
if (user === undefined || rest.length > 0) {
  console.error("usage: node dist/example.js USER");
  exit(2);
}
await main(user);
