/**
 * Publishes consumptions through a spool, and prints the number of each one that is safe.
 *
 * usage: node spoolChild.js URL TOKEN PATH FIRST
 */
import { argv } from "node:process";
import { ScripClient } from "../src/index.js";
import { Spool } from "../src/spool/index.js";
import { consumption } from "./load.js";

const [url = "", token = "", path = "", first = "0"] = argv.slice(2);
const ledger = new ScripClient({ url, token });
const spool = await Spool.open({ ledger, path, timeoutMs: 100 });
for (let number = Number(first); ; number += 1) {
  await spool.publish({ type: "consume", ...consumption("ada", number) });
  process.stdout.write(`${number}\n`);
}
