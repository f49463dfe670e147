/** `GET /api/token`: a token by which the browser reads the balance of its own user. */
import { currentUser } from "@/lib/currentUser";
import { ledger } from "@/lib/ledger";
import { failure, notSignedIn } from "@/lib/problem";
import { settings } from "@/lib/settings";

/** What a browser needs to read from Scrip. */
export interface Access {
  url: string;
  userId: string;
  token: string;
}

export async function GET(): Promise<Response> {
  const userId = await currentUser();
  if (!userId) return notSignedIn();
  try {
    const { token } = await ledger().userToken(userId);
    const access: Access = { url: settings.scripPublicUrl(), userId, token };
    return Response.json(access, { headers: { "cache-control": "no-store" } });
  } catch (error) {
    return failure(error, "token_failed", "the token could not be made; try again later");
  }
}
