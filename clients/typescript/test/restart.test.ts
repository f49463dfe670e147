import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { AmqpClient, bucket } from "../src/amqp/index.js";
import { checkAbort, checkOrder, checkRefused, checkUnconfirmed } from "./amqpFaults.js";
import { checkApplied, consumeAll, fund } from "./load.js";
import { Server, required } from "./server.js";

const run = promisify(execFile);

/** A broker of its own, which the test may kill. */
class Broker {
  url = "";
  private constructor(readonly folder: string) {}

  static async start(): Promise<Broker> {
    const parent = process.env["SCRIP_TEST_DIR"] ?? tmpdir();
    const broker = new Broker(join(await mkdtemp(join(parent, "scrip-broker-")), "rabbitmq"));
    await run("chmod", ["711", join(broker.folder, "..")]); // the broker has an account of its own
    broker.url = (await broker.do("start")).trim();
    return broker;
  }

  async do(action: "start" | "kill" | "remove"): Promise<string> {
    const script = join(required("SCRIP_TEST_SCRIPTS"), "rabbitmq");
    return (await run(script, [action, this.folder])).stdout;
  }

  async restart(): Promise<void> {
    await this.do("kill");
    await this.do("start");
  }

  async end(): Promise<void> {
    await this.do("remove");
    await rm(join(this.folder, ".."), { recursive: true, force: true });
  }
}

test("a killed server loses no command and applies none twice", async () => {
  const server = await Server.start();
  const scrip = server.client();
  await fund(scrip, "ada");
  const restarts: Promise<void>[] = [];
  const outcomes = await consumeAll(scrip, "ada", 400, (number) => {
    if (number === 100 || number === 300) {
      restarts.push((restarts.at(-1) ?? Promise.resolve()).then(() => server.restart()));
    }
  });
  await Promise.all(restarts);
  assert.equal(restarts.length, 2);
  await checkApplied(scrip, "ada", 400, outcomes);
  await server.end();
});

test("a killed broker and a killed server lose no command and apply none twice", async (t) => {
  const broker = await Broker.start();
  const server = await Server.start({
    AMQP_URL: broker.url,
    DATABASE_URL: required("SCRIP_TEST_DATABASE_URL"),
    SCRIP_NAMESPACE: "clients",
  });
  const http = server.client();
  const amqp = new AmqpClient({ url: broker.url, namespace: "clients" });
  await Promise.all([fund(http, "ada"), fund(amqp, "bob")]);
  let faults: Promise<void> = Promise.resolve();
  const fault = (number: number) => {
    if (number === 150) faults = faults.then(() => broker.restart());
    if (number === 300) faults = faults.then(() => server.restart());
  };
  const [overHttp, overAmqp] = await Promise.all([
    consumeAll(http, "ada", 500, fault),
    consumeAll(amqp, "bob", 500, () => {}),
  ]);
  await faults;
  await checkApplied(http, "ada", 500, overHttp);
  await checkApplied(amqp, "bob", 500, overAmqp);

  const call = { referenceId: "call-1", userId: "bob", service: "llm:tokens", quantity: 500 };
  const hold = await amqp.hold(call);
  assert.equal((await hold.capture({ quantity: 100 })).amount, -1);
  await assert.rejects(amqp.balance("none"), { code: "wallet_not_found" });
  const wrong = { referenceId: "w-1", userId: "bob", service: "google:chat", quantity: 1.5 };
  await assert.rejects(amqp.consume(wrong), { code: "invalid_field", field: "quantity" });
  const last = await amqp.publish({ ...call, type: "consume", referenceId: "last", quantity: 100 });
  assert.equal((await http.wait(last)).amount, -1);
  const elsewhere = new AmqpClient({ url: broker.url, namespace: "missing" });
  await assert.rejects(elsewhere.balance("ada"), { code: "broker_refused" });

  await t.test("a batch whose connection is cut keeps its order", () =>
    checkOrder(broker.url, http, "ada"),
  );
  await t.test("a broker that does not confirm is connected again", () =>
    checkUnconfirmed(broker.url, "ada"),
  );
  await t.test("a signal ends a request while it connects", () => checkAbort(broker.url));
  await t.test("a refused publish fails no other request", () => checkRefused(broker.url, "ada"));

  await Promise.all([amqp.close(), elsewhere.close()]);
  await server.end();
  await broker.end();
});

test("the bucket of a user is that of the contract", () => {
  const users = ["user_123", "user_42", "alice@example.com", "müller", "日本語ユーザー"];
  assert.deepEqual(users.map(bucket), ["25", "13", "41", "25", "44"]);
});
