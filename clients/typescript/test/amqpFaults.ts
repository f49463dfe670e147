/** Faults between a client and the broker, which are tested on a broker and a server that run. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { AmqpClient, type AmqpOptions } from "../src/amqp/index.js";
import type { Command, ScripClient } from "../src/index.js";

/** Relays connections to a broker. `treat` gets both ends of each, and its number from 1. */
async function relay(url: string, treat: (client: Socket, broker: Socket, number: number) => void) {
  let connections = 0;
  const target = new URL(url);
  const { port, hostname } = target;
  const server = createServer((client) => {
    connections += 1;
    const broker = connect(Number(port || 5672), hostname);
    const end = () => void (client.destroy(), broker.destroy());
    for (const socket of [client, broker]) socket.on("error", end).on("close", end);
    client.pipe(broker);
    broker.pipe(client);
    treat(client, broker, connections);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  target.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: target.href, connections: () => connections, close: () => void server.close() };
}

/** Calls `then` when the client has sent this number of bytes. */
function after(client: Socket, bytes: number, then: () => void): void {
  let sent = 0;
  client.on("data", (part) => {
    const before = sent;
    sent += part.length;
    if (before < bytes && sent >= bytes) then();
  });
}

/** Checks a batch whose connection is cut twice: its commands are applied in their order. */
export async function checkOrder(url: string, http: ScripClient, userId: string): Promise<void> {
  const cutting = await relay(url, (client, _, number) => {
    if (number < 3) after(client, 12_000 * number, () => client.destroy());
  });
  const amqp = client({ url: cutting.url });
  const commands = Array.from({ length: 90 }, (_, number): Command => {
    const reference = { referenceId: `${userId}-order-${number}`, description: "x".repeat(300) };
    return { type: "consume", ...reference, userId, service: "google:chat" };
  });
  await amqp.publishAll(commands);
  assert.ok(cutting.connections() >= 3);
  const outcomes = await http.sendAll(commands, { timeoutMs: 60_000 });
  assert.deepEqual(new Set(outcomes.map(({ status }) => status)), new Set(["completed"]));
  const { items } = await http.transactions(userId, { pageSize: 90 });
  const applied = items.map(({ referenceId }) => referenceId).reverse();
  assert.deepEqual(applied, commands.map(({ referenceId }) => referenceId));
  await amqp.close();
  cutting.close();
}

/** Checks a broker that confirms nothing on the first connection. */
export async function checkUnconfirmed(url: string, userId: string): Promise<void> {
  const mute = await relay(url, (client, broker, number) => {
    if (number === 1) after(client, 1_200, () => broker.unpipe(client).resume());
  });
  const amqp = client({ url: mute.url, attemptTimeoutMs: 2_000 });
  const command = { referenceId: `${userId}-mute`, userId, service: "google:chat" };
  const description = "x".repeat(1_000);
  assert.equal((await amqp.consume({ ...command, description })).status, "completed");
  assert.ok(mute.connections() >= 2);
  await amqp.close();
  mute.close();
}

/** Checks that a signal and the time limit end a request while it connects. */
export async function checkAbort(url: string): Promise<void> {
  const silent = await relay(url, (client, broker) => void client.unpipe(broker));
  const amqp = client({ url: silent.url });
  const start = Date.now();
  const signal = AbortSignal.timeout(50);
  await assert.rejects(amqp.balance("ada", { signal }), { name: "TimeoutError" });
  await assert.rejects(amqp.balance("ada", { timeoutMs: 100 }), { code: "unreachable" });
  assert.ok(Date.now() - start < 10_000);
  silent.close();
}

/** Checks that the broker refuses one publish and not those beside it. */
export async function checkRefused(url: string, userId: string): Promise<void> {
  const amqp = client({ url });
  const consume = (number: number) =>
    ({ referenceId: `${userId}-beside-${number}`, userId, service: "google:chat" }) as const;
  await amqp.balance(userId); // it is connected
  const origin = "missing" as "usage";
  const results = await Promise.allSettled([
    ...Array.from({ length: 10 }, (_, number) => amqp.consume(consume(number))),
    amqp.consume(consume(10), { origin }),
    amqp.publishAll([11, 12].map((number) => ({ type: "consume", ...consume(number) }))),
  ]);
  const failed = results.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
  assert.deepEqual(failed.map(({ reason }) => reason.code), ["broker_refused"]);
  assert.equal(results[10]?.status, "rejected");
  await amqp.close();
}

const client = (options: AmqpOptions) =>
  new AmqpClient({ namespace: "clients", retry: { maxDelayMs: 200 }, ...options });
