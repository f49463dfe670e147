/**
 * Appends texts to the file of a spool, and prints each one that is safe.
 *
 * usage: node spoolFileChild.js PATH NAME
 */
import { argv } from "node:process";
import { SpoolFile } from "../src/spool/file.js";

const [path = "", name = ""] = argv.slice(2);
const file = await SpoolFile.open(path, 1 << 24);
for (let number = 0; ; number += 1) {
  await file.append(`${name}-${number}`);
  process.stdout.write(`${name}-${number}\n`);
}
