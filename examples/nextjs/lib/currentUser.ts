/**
 * REPLACE THIS FILE by the sign-in of your app. The demo believes the name in a cookie, and any
 * visitor may write any name into it: the cookie proves nothing.
 */
import { cookies } from "next/headers";

export const DEMO_COOKIE = "demo-user";

/** The form of user ids in the demo. */
const USER_ID = /^[a-z0-9-]{1,32}$/;

/** Returns the id of the user who is signed in. Your app must verify the session here. */
export async function currentUser(): Promise<string | undefined> {
  const userId = (await cookies()).get(DEMO_COOKIE)?.value;
  return userId && isUserId(userId) ? userId : undefined;
}

export function isUserId(text: string): boolean {
  return USER_ID.test(text);
}
