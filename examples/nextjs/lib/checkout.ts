/** Opens a checkout. Stripe reports the payment to Scrip, so the app never adds credits itself. */
import { ledger } from "./ledger";
import { PACKAGE, settings } from "./settings";

/**
 * Opens a Checkout session of Stripe for the package and returns its address. The session names the
 * user and the package. Scrip credits what its configuration says the package brings.
 */
export async function openStripeCheckout(
  key: string,
  userId: string,
  home: string,
): Promise<string> {
  const { items } = await ledger().packages();
  const price = items.find(({ id }) => id === PACKAGE)?.priceId;
  if (!price) {
    throw new Error(`the package \`${PACKAGE}\` has no \`price_id\`: set CREDIT_LITE_PRICE_ID`);
  }
  const form = new URLSearchParams({
    mode: "payment",
    client_reference_id: userId,
    "metadata[packageId]": PACKAGE,
    "line_items[0][price]": price,
    "line_items[0][quantity]": "1",
    success_url: home,
    cancel_url: home,
  });
  const response = await fetch(`${settings.stripeUrl()}/v1/checkout/sessions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: form,
  });
  if (!response.ok) throw new Error(`Stripe answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { url: string }).url;
}
