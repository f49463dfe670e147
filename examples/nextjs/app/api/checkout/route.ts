/** `POST /api/checkout`: sends the user to the checkout of the payment provider. */
import { openStripeCheckout } from "@/lib/checkout";
import { currentUser } from "@/lib/currentUser";
import { failure, notSignedIn } from "@/lib/problem";
import { settings } from "@/lib/settings";

export async function POST(request: Request): Promise<Response> {
  const userId = await currentUser();
  if (!userId) return notSignedIn();
  const key = settings.stripeKey();
  const home = process.env.APP_URL ?? new URL("/", request.url).href;
  try {
    const location = key ? await openStripeCheckout(key, userId, home) : "/?checkout=test";
    return new Response(null, { status: 303, headers: { location } });
  } catch (error) {
    return failure(error, "checkout_failed", "the checkout could not be opened; try again later");
  }
}
