/** Middleware of the AI SDK that charges the calls of a model with credits. */
export { meterCredits, type MeterOptions } from "./middleware.js";
