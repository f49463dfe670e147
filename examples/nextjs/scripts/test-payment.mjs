/**
 * Pays for a package as a test: sends to Scrip what Stripe sends after a payment, signed with the
 * same secret. No money moves, and no account of Stripe is needed.
 *
 *     npm run test-payment -- USER [PAYMENT]
 *
 * The same PAYMENT again is the same payment, and is credited once.
 */
import { createHmac, randomUUID } from "node:crypto";

const [userId, payment = `pi_${randomUUID()}`] = process.argv.slice(2);
const secret = process.env.SCRIP_STRIPE_SECRETS?.split(",")[0]?.trim();
if (!userId || userId.startsWith("-")) end("usage: npm run test-payment -- USER [PAYMENT]");
if (!secret) end("SCRIP_STRIPE_SECRETS is not set; README.md says how to write it to .env");

const now = Math.floor(Date.now() / 1_000);
const body = JSON.stringify({
  id: `evt_${randomUUID()}`,
  object: "event",
  type: "checkout.session.completed",
  created: now,
  data: {
    object: {
      id: `cs_${payment}`,
      object: "checkout.session",
      mode: "payment",
      client_reference_id: userId,
      metadata: { packageId: "lite" },
      payment_intent: payment,
      payment_status: "paid",
      amount_total: 999,
      currency: "usd",
    },
  },
});
const signature = createHmac("sha256", secret).update(`${now}.${body}`).digest("hex");

const url = process.env.SCRIP_URL ?? "http://127.0.0.1:8080";
const response = await fetch(`${url}/webhooks/stripe`, {
  method: "POST",
  headers: { "stripe-signature": `t=${now},v1=${signature}` },
  body,
});
console.log(`${payment}: ${response.status} ${await response.text()}`);
if (!response.ok) process.exit(1);

function end(message) {
  console.error(message);
  process.exit(2);
}
