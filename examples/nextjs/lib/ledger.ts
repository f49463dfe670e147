/** The clients of the ledger: one that spends and reads, and one that brings credits. */
import { ScripClient, completed } from "scrip-client";
import { settings } from "./settings";

/** Returns the client that spends and reads. It cannot bring credits. */
export function ledger(): ScripClient {
  return new ScripClient({ url: settings.scripUrl(), token: settings.appToken() });
}

/** Gives a new user the bonus. The reference is that of the user, so it is given once. */
export async function grantSignUpBonus(userId: string): Promise<void> {
  const bridge = new ScripClient({ url: settings.scripUrl(), token: settings.bridgeToken() });
  const referenceId = `sign-up:${userId}`;
  completed(await bridge.grant({ referenceId, userId, reason: "registration_bonus" }));
}
