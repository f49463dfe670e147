/** The settings, all from the environment. Next.js reads `.env`. */

/** The service whose price in `scrip.toml` is that of a token. */
export const SERVICE = "llm:tokens";
/** The most tokens of an answer. The hold covers them before the model is called. */
export const MAX_OUTPUT_TOKENS = 500;
/** The package of `scrip.toml` that the app sells. */
export const PACKAGE = "lite";

/** Returns a variable that has no default. It is read on use: a build needs no secrets. */
function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; README.md says how to write it to .env`);
  return value;
}

export const settings = {
  /** The address of `scrip run --http`, as the app reaches it. */
  scripUrl: () => process.env.SCRIP_URL ?? "http://127.0.0.1:8080",
  /** The same, as a browser reaches it. */
  scripPublicUrl: () => process.env.SCRIP_PUBLIC_URL ?? settings.scripUrl(),
  /** A token with the role `app`: it spends and reads. */
  appToken: () => required("SCRIP_APP_TOKEN"),
  /** A token with the role `bridge`: it brings credits. */
  bridgeToken: () => required("SCRIP_BRIDGE_TOKEN"),
  /** A server with the API of OpenAI. The default is that of `npm run fake-model`. */
  modelUrl: () => process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:9090/v1",
  modelKey: () => process.env.OPENAI_API_KEY ?? "none",
  model: () => process.env.OPENAI_MODEL ?? "fake",
  /** The secret key of Stripe. Without it, `npm run test-payment` stands for a payment. */
  stripeKey: () => process.env.STRIPE_SECRET_KEY,
  stripeUrl: () => process.env.STRIPE_API_URL ?? "https://api.stripe.com",
};
