/** Reads JSON without rounding any credits. */
import { PrecisionError } from "./errors.js";

/** What an app chose itself: its numbers are the app's affair. */
const FREE_FORM = new Set(["metadata", "detail"]);

/** Parses a response. Throws a {@link PrecisionError} if a whole number is not exact. */
export function parse(text: string): unknown {
  const value: unknown = JSON.parse(text);
  check(value, []);
  return value;
}

function check(value: unknown, path: string[]): void {
  if (typeof value === "number") {
    // A number beyond the limit stays beyond it when it is rounded.
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw new PrecisionError(path.join("."));
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      if (!FREE_FORM.has(name)) check(member, [...path, name]);
    }
  }
}
