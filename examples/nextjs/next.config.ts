import type { NextConfig } from "next";

/** Next.js looks for the root of a repository otherwise, and finds that of Scrip. */
const config: NextConfig = { turbopack: { root: import.meta.dirname } };

export default config;
