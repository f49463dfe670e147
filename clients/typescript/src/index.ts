/** A client of the Scrip credit ledger over HTTP. It needs `fetch` and nothing else. */
export { ScripClient } from "./client.js";
export {
  PrecisionError,
  ProblemError,
  RefusedError,
  ScripError,
  UnansweredError,
  UnreachableError,
  completed,
} from "./errors.js";
export { HoldGuard, type CaptureRules, type Usage } from "./hold.js";
export type { HttpOptions } from "./http.js";
export { Ledger } from "./ledger.js";
export type { RetryOptions } from "./retry.js";
export type * from "./types.js";
