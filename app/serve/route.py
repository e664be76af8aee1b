"""What a proxy is to do, from what the user asked for: where calls go, with which keys, and what stands behind them.

It checks all of it before anything is served. Keys are given by name and only to the origin that each belongs to.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from socket import getaddrinfo
from typing import TYPE_CHECKING, Final

import httpx

from app.errors import UserError
from app.providers.endpoint import Endpoint
from app.safeguards.answer_check import AnswerCheck
from app.safeguards.base import Safeguard
from app.safeguards.hedge import Hedge
from app.safeguards.presets import PRESETS
from app.scenario.files import ScenarioFile
from app.scenario.model import Variant
from app.serve.sandbox import served
from app.serve.upstream import pinned

if TYPE_CHECKING:
    from pydantic import SecretStr

    from app.providers.keys import Keys

UPSTREAM: Final = "--upstream"
_LEFT_OUT: Final = {
    "input_check": "it mends the scenario's own prompts",
    "prompt_trim": "it trims the scenario's own prompts",
    "prompt_cache": "the provider's own cache is at work",
    "hand_off": "nobody is there to take a case",
    "monitoring": "it watches runs with customers of the scenario's",
}
"""By kind: why a safeguard does nothing for an app's own calls."""


@dataclass(frozen=True)
class Wishes:
    """What the user asked for. `keys` are names; `safeguards` a variant's or a preset's."""

    upstream: str
    keys: Sequence[str] = ()
    max_usd: float | None = None
    safeguards: str = ""
    buffer: bool = False


@dataclass(frozen=True)
class Route:
    """Where calls go: the `upstream`, with the key where one is added, and by target what lies elsewhere.

    token    what a client must say where a key is added; empty where its own is passed on
    cap_usd  what the calls may cost; None where nobody minds
    buffer   answers are held until they are whole and judged
    """

    upstream: Endpoint
    elsewhere: dict[str, Endpoint] = field(default_factory=dict)
    token: str = field(default="", repr=False)
    cap_usd: float | None = None
    buffer: bool = False

    @property
    def origins(self) -> frozenset[str]:
        """All that may be called."""
        return frozenset({self.upstream.origin, *(endpoint.origin for endpoint in self.elsewhere.values())})


def routed(file: ScenarioFile, wishes: Wishes, keys: Keys) -> tuple[ScenarioFile, Route, list[str]]:
    """The scenario as the proxy serves it, the way its calls go, and what the user should know.

    Raises UserError for wishes that cannot be granted.
    """
    upstream = pinned(wishes.upstream, where=UPSTREAM)
    scenario, notices = file.scenario, list[str]()
    if wishes.max_usd is not None and not 0 < wishes.max_usd <= 1e6:
        raise UserError(
            f"{wishes.max_usd:g} is no amount that calls may cost",
            where="--max-usd",
            do="Give more than 0 US dollars, and a million at the most.",
        )
    elsewhere: dict[str, Endpoint] = {}
    name, variant = "client", Variant(title="Your app")
    if wishes.safeguards:
        name, variant, notices = _guarded(file, wishes)
        for target, settings in list(scenario.targets.items())[1:]:
            if settings.endpoint is not None:
                there = Endpoint(
                    settings.endpoint.base_url, settings.model or "", None, settings.endpoint.api
                )
                elsewhere[target] = there
    elif wishes.buffer:
        raise UserError(
            "answers are held for checks alone", where="--buffer", do="Give it together with --safeguards."
        )
    added = _keys_of(wishes, keys)
    upstream = replace(upstream, key=added.pop(upstream.origin, None))
    for target, there in elsewhere.items():
        elsewhere[target] = replace(there, key=added.get(there.origin))
    known = {endpoint.origin for endpoint in elsewhere.values()}
    for origin in added:
        if origin not in known:
            raise UserError(
                f"nothing is called at {origin}", where="--key", do="Give the key of an origin that is."
            )
    with_key = upstream.key is not None or any(each.key is not None for each in elsewhere.values())
    token = secrets.token_urlsafe(24) if with_key else ""
    plain = served(file)
    file = replace(plain, scenario=plain.scenario.model_copy(update={"variants": {name: variant}}))
    return file, Route(upstream, elsewhere, token, wishes.max_usd, wishes.buffer), notices


def check_no_loop(route: Route, ports: Sequence[int]) -> None:
    """Raise UserError where calls would come back to us."""
    for origin in route.origins:
        url = httpx.URL(origin)
        port = url.port or (443 if url.scheme == "https" else 80)
        if port in ports and _is_here(url.host):
            raise UserError(
                "calls would be passed on to this very endpoint", where=UPSTREAM, do="Choose another port."
            )


def _keys_of(wishes: Wishes, keys: Keys) -> dict[str, SecretStr]:
    """The keys by origin."""
    if wishes.keys and wishes.max_usd is None:
        raise UserError(
            "where a key is added there must be a bound on what calls cost",
            where="--key",
            do="Give --max-usd as well.",
        )
    return {keys.entry(name).origin: keys.key(name) for name in wishes.keys}


def sees_whole_answers(safeguard: Safeguard) -> bool:
    """Whether it can do its part only where answers are held until they are whole (`buffer`)."""
    return safeguard.on and isinstance(safeguard, AnswerCheck | Hedge)


def _guarded(file: ScenarioFile, wishes: Wishes) -> tuple[str, Variant, list[str]]:
    """The safeguards that stand behind calls, and what is left out of them."""
    name, variants = wishes.safeguards, file.scenario.variants
    if name in variants:
        variant = variants[name]
    elif name in PRESETS:
        variant = Variant(safeguards=PRESETS[name])
    else:
        raise UserError(
            f"there is no variant '{name}'",
            where="--safeguards",
            do=f"There is: {', '.join(dict.fromkeys([*variants, *PRESETS]))}.",
        )
    kept: list[Safeguard] = []
    notices = []
    for each in variant.safeguards:
        why_not = _LEFT_OUT.get(each.kind)
        if not each.on or why_not is not None:
            if each.on:
                notices.append(f"the safeguard '{each.id}' is left out: {why_not}")
            continue
        if sees_whole_answers(each) and not wishes.buffer:
            raise UserError(
                f"the safeguard '{each.id}' must see whole answers before a client does, so that no stream flows",
                where="--safeguards",
                do="Let answers be held until they are whole, or switch that safeguard off.",
                option=f"--buffer, or --set variants.{name}.safeguards.{each.id}.on=false",
            )
        kept.append(each)
    return name, variant.model_copy(update={"safeguards": tuple(kept)}), notices


def _is_here(host: str) -> bool:
    # Resolved, because this machine goes by many names: 127.1, 0.0.0.0, localhost with a dot.
    try:
        found = {str(told[4][0]).partition("%")[0] for told in getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    addresses = [ip_address(each) for each in found]
    plain = [getattr(each, "ipv4_mapped", None) or each for each in addresses]
    return any(each.is_loopback or each.is_unspecified for each in plain)
