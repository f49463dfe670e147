/** Errors of the API of the app, as JSON. */
import { RefusedError, ScripError } from "scrip-client";

/** Returns a response that says what is wrong. `code` is for programs, `detail` for people. */
export function problem(status: number, code: string, detail: string, more: object = {}): Response {
  return Response.json({ code, detail, ...more }, { status });
}

export function notSignedIn(): Response {
  return problem(401, "not_signed_in", "sign up first: POST /api/sign-up with `user`");
}

/**
 * Returns the response to a request that failed: 402 with the missing credits, 403 for another
 * refusal, 503 for the ledger, and 502 with this code and detail for any other server.
 */
export function failure(error: unknown, code: string, detail: string): Response {
  if (error instanceof RefusedError) return refusal(error);
  console.error("request failed", error);
  if (error instanceof ScripError) {
    return problem(503, "ledger_unavailable", "the ledger is not available; try again later");
  }
  return problem(502, code, detail);
}

function refusal({ code, message, outcome }: RefusedError): Response {
  const { required, available } = outcome.error ?? {};
  if (code !== "insufficient_credits") return problem(403, code, message);
  const missing = (required ?? 0) - (available ?? 0);
  const detail = `the call needs up to ${required} credits, ${available} are available`;
  return problem(402, code, detail, { required, available, missing });
}
