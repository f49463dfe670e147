"""The settings, all from the environment. README.md says how to write them to `.env`."""

import os

# The service whose price in `scrip.toml` is that of a token.
SERVICE = "llm:tokens"
# The most tokens of an answer. The hold covers them before the model is called.
MAX_OUTPUT_TOKENS = 500
# The package of `scrip.toml` that the app sells.
PACKAGE = "lite"

# The address of `scrip run --http`, as the app reaches it.
SCRIP_URL = os.environ.get("SCRIP_URL", "http://127.0.0.1:8080")
# The same, as a browser reaches it.
SCRIP_PUBLIC_URL = os.environ.get("SCRIP_PUBLIC_URL", SCRIP_URL)
# A server with the API of OpenAI. The default is that of `fake_model.py`.
MODEL_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:9090/v1")
MODEL_KEY = os.environ.get("OPENAI_API_KEY", "none")
MODEL = os.environ.get("OPENAI_MODEL", "fake")
# The secret key of Stripe. Without it, `test_payment.py` stands for a payment.
STRIPE_KEY = os.environ.get("STRIPE_SECRET_KEY")
STRIPE_URL = os.environ.get("STRIPE_API_URL", "https://api.stripe.com")


def required(name: str) -> str:
    """Return a variable that has no default."""
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"{name} is not set; README.md says how to write it to .env")
    return value
