"""A pasted e-mail thread: the question, then its history, quoted again and again with its disclaimers."""

from __future__ import annotations

from collections.abc import Sequence

from app.inputs.mess.row import Draw, Parameters, Row, pick, texts

_DEEPEST_QUOTE = 6
_SENDERS = (
    ("Dana Whitfield", "Re: Fwd: Re: your request", "Any news on this? I have asked twice now, see below."),
    ("Customer Service", "Re: your request", "Thank you for your message. A colleague will get back to you."),
    ("Omar Haddad", "Fwd: Re: your request", "Passing this on, not sure who looks after it these days."),
    ("Priya Nair", "Re: Re: your request", "Looping in the team. The earlier mails are all at the bottom."),
    ("Automatic reply", "Out of office", "I am away until Monday and will read your message on my return."),
)
_DISCLAIMER = (
    "This message and any attachment are confidential and meant for the addressee alone. If you received it\n"
    "in error, please tell the sender and delete it. Views expressed here are those of the author. Please\n"
    "consider the environment before printing this e-mail."
)


def far_too_long(row: Row, text_columns: Sequence[str], draw: Draw, parameters: Parameters) -> Row:
    """The main text, quoted in its own thread until it has `repeat_to_chars` characters; once at least."""
    found = texts(row, text_columns)
    if not found:
        return dict(row)
    column, text = next(iter(found.items()))
    sender = pick(len(_SENDERS), draw("far_too_long.sender"))
    parts = [text]
    length = len(text)
    while len(parts) == 1 or length < parameters.repeat_to_chars:
        quoted = _quoted(text, sender, depth=min(len(parts), _DEEPEST_QUOTE))
        parts.append(quoted)
        length += len(quoted)
        sender = (sender + 1) % len(_SENDERS)
    return {**row, column: "".join(parts)}


def _quoted(text: str, sender: int, depth: int) -> str:
    name, subject, remark = _SENDERS[sender]
    mail = f"From: {name}\nSubject: {subject}\n\n{remark}\n\n{text}\n\n--\n{name}\n{_DISCLAIMER}"
    prefix = "> " * depth
    return "\n\n-----Original Message-----\n" + "\n".join(prefix + line for line in mail.split("\n"))
