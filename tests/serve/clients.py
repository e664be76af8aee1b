"""The official SDKs as people use them, without retries unless a test asks for some.

Nothing is encrypted on loopback: certificates, which take long to load, are not wanted.
"""

from __future__ import annotations

import anthropic
import openai
from anthropic.types import MessageParam
from openai.types.chat import ChatCompletionMessageParam
from openai.types.responses import ResponseInputParam

from tests.serve.rig import BOUND_S, ROWS, Endpoint

ORDER, REFUND, _ = ROWS
MODEL = "small-model"


def messages(text: str = ORDER) -> list[ChatCompletionMessageParam]:
    """A question, as OpenAI's SDK takes it."""
    return [{"role": "system", "content": "You sort mails."}, {"role": "user", "content": text}]


def said(text: str = ORDER) -> ResponseInputParam:
    """A question, as OpenAI's SDK takes it for responses."""
    return [
        {"role": "system", "content": "You sort mails."},
        {"role": "user", "content": [{"type": "input_text", "text": text}]},
    ]


def turns(text: str = ORDER) -> list[MessageParam]:
    """A question, as Anthropic's SDK takes it."""
    return [{"role": "user", "content": [{"type": "text", "text": text}]}]


def openai_client(served: Endpoint, *, timeout_s: float = BOUND_S, max_retries: int = 0) -> openai.OpenAI:
    """OpenAI's SDK; close it with `with`."""
    return openai.OpenAI(
        base_url=f"{served.url}/v1",
        api_key="none",
        timeout=timeout_s,
        max_retries=max_retries,
        http_client=openai.DefaultHttpxClient(verify=False),
    )


def async_openai_client(served: Endpoint, *, timeout_s: float = BOUND_S) -> openai.AsyncOpenAI:
    """The same for asyncio."""
    return openai.AsyncOpenAI(
        base_url=f"{served.url}/v1",
        api_key="none",
        timeout=timeout_s,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(verify=False),
    )


def anthropic_client(
    served: Endpoint, *, timeout_s: float = BOUND_S, max_retries: int = 0
) -> anthropic.Anthropic:
    """Anthropic's SDK; close it with `with`."""
    return anthropic.Anthropic(
        base_url=served.url,
        api_key="none",
        timeout=timeout_s,
        max_retries=max_retries,
        http_client=anthropic.DefaultHttpxClient(verify=False),
    )


def async_anthropic_client(served: Endpoint, *, timeout_s: float = BOUND_S) -> anthropic.AsyncAnthropic:
    """The same for asyncio."""
    return anthropic.AsyncAnthropic(
        base_url=served.url,
        api_key="none",
        timeout=timeout_s,
        max_retries=0,
        http_client=anthropic.DefaultAsyncHttpxClient(verify=False),
    )
