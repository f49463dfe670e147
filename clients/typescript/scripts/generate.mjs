/**
 * Writes src/generated.ts: the types of the schemas in the OpenAPI document.
 *
 * usage: node scripts/generate.mjs OPENAPI_JSON [OUTPUT]
 */
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const HEADER = `/**
 * The bodies of the HTTP API. Written by scripts/generate.mjs from docs/reference/openapi.json:
 * run \`npm run generate\` instead of changing this file.
 */

`;

const [source, output = new URL("../src/generated.ts", import.meta.url)] = process.argv.slice(2);
if (source === undefined) {
  console.error("usage: node scripts/generate.mjs OPENAPI_JSON [OUTPUT]");
  process.exit(2);
}
const { openapi, info, components } = JSON.parse(await readFile(source, "utf8"));
const { schemas } = components;
const document = { openapi, info, paths: {}, components: { schemas } };
const nodes = await openapiTS(document, { emptyObjectsUnknown: true });
const isWanted = (node) => node.name?.text === "components";
await writeFile(output, HEADER + astToString(nodes.filter(isWanted)));
