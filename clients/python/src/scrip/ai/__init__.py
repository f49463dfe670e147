"""Charges calls of models with credits: `scrip.ai.openai` and `scrip.ai.langchain`."""

from .meter import MeterOptions, rough_tokens

__all__ = ["MeterOptions", "rough_tokens"]
