/** `POST /api/sign-up`: makes a user of the demo, who gets the bonus of `[registration]`. */
import { cookies } from "next/headers";
import { DEMO_COOKIE, isUserId } from "@/lib/currentUser";
import { grantSignUpBonus } from "@/lib/ledger";
import { failure, problem } from "@/lib/problem";

export async function POST(request: Request): Promise<Response> {
  const userId = (await request.formData().catch(() => undefined))?.get("user");
  if (typeof userId !== "string" || !isUserId(userId)) {
    const detail = "`user` must have 1 to 32 characters of a-z, 0-9 and -";
    return problem(400, "invalid_field", detail, { field: "user" });
  }
  try {
    await grantSignUpBonus(userId);
  } catch (error) {
    return failure(error, "sign_up_failed", "the sign-up failed; try again later");
  }
  const options = { httpOnly: true, sameSite: "lax", path: "/" } as const;
  (await cookies()).set(DEMO_COOKIE, userId, options);
  return new Response(null, { status: 303, headers: { location: "/" } });
}
