/**
 * Validates a document against the JSON Schema of AsyncAPI 3.0.0.
 *
 * usage: node asyncapi.mjs DOCUMENT
 */
import { readFile } from "node:fs/promises";
import specs from "@asyncapi/specs";
import { Ajv } from "ajv";
import formats from "ajv-formats";

const document = JSON.parse(await readFile(process.argv[2], "utf8"));
// The schema contains that of JSON Schema itself, so Ajv must not have its own.
const ajv = new Ajv({ allErrors: true, meta: false, strict: false, validateSchema: false });
formats.default(ajv);
const validate = ajv.compile(specs.schemas["3.0.0"]);
if (!validate(document)) {
  for (const { instancePath, message, params } of validate.errors) {
    console.error(`${instancePath} ${message} ${JSON.stringify(params)}`);
  }
  process.exit(1);
}
