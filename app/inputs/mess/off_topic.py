"""Questions that no product was made for, but that people ask it all the same."""

from __future__ import annotations

from collections.abc import Sequence

from app.inputs.mess.row import Draw, Parameters, Row, pick

QUESTIONS: tuple[str, ...] = (
    "What should I cook tonight with two eggs, rice and half a cabbage?",
    "Can you write a poem about my neighbour's cat?",
    "Who would win in a fight, a gorilla or a grizzly bear?",
    "How many moons does Jupiter have?",
    "Please do my homework: explain the causes of the French Revolution in 500 words.",
    "Is it going to rain in Lisbon this weekend?",
    "My houseplant has yellow leaves. What am I doing wrong?",
    "What is the square root of 1764?",
    "Tell me a joke about penguins.",
    "Which side do you think will win the election?",
    "How do I get red wine out of a white carpet?",
    "Translate 'where is the railway station' into Japanese.",
    "What do you really think of your competitors?",
    "Can you recommend a film for a rainy Sunday?",
    "Why do cats purr?",
    "Write a function that reverses a linked list.",
    "I have had a headache for three days. Should I be worried?",
    "What is the meaning of life?",
    "How long do I boil an egg at 2,000 metres?",
    "Are you a real person?",
    "Which shares should I buy this year?",
    "How do I tell my flatmate to do the dishes?",
    "What happened on this day in history?",
    "Plan a three-day trip to Iceland for me.",
    "What is the capital of Burkina Faso?",
    "Can you help me name my puppy? She is small and brown.",
    "How do vaccines work?",
    "Write a birthday message for my aunt, she turns seventy.",
    "What is the best chess opening for a beginner?",
    "My upstairs neighbour plays drums at night. Is that legal?",
)


def off_topic(row: Row, text_columns: Sequence[str], draw: Draw, _parameters: Parameters) -> Row:
    """The main text is replaced by a question about something else."""
    column = next((column for column in text_columns if column in row), None)
    if column is None:
        return dict(row)
    chosen = pick(len(QUESTIONS), draw("off_topic.question"))
    if QUESTIONS[chosen] == row[column]:
        chosen = (chosen + 1) % len(QUESTIONS)
    return {**row, column: QUESTIONS[chosen]}
