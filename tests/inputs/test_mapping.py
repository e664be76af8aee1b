"""Which column fills which variable, and how that is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UserError
from app.inputs.mapping import match_columns


def test_given_the_same_names_then_nothing_is_guessed() -> None:
    mapped = match_columns(["question", "plan"], ["plan", "question", "id"], {})

    assert mapped.pairs == {"question": "question", "plan": "plan"}
    assert mapped.guessed == ()
    assert mapped.missing == ()


def test_given_other_spelling_and_synonyms_then_the_guesses_say_why() -> None:
    mapped = match_columns(["question", "order_id", "expected"], ["text", "Order ID", "category"], {})

    assert mapped.said() == [
        "question <- column 'text' (similar meaning)",
        "order_id <- column 'Order ID' (the same but for case and spacing)",
        "expected <- column 'category' (similar meaning)",
    ]


def test_given_one_variable_and_one_text_column_left_over_then_those_are_paired() -> None:
    mapped = match_columns(["topic"], ["id", "created_at", "blurb", "amount"], {})

    assert mapped.said() == ["topic <- column 'blurb' (the only text column left)"]


def test_given_two_text_columns_left_over_then_none_is_chosen() -> None:
    mapped = match_columns(["topic"], ["blurb", "story"], {})

    assert mapped.missing == ("topic",)
    assert mapped.said() == ["topic <- no column"]


def test_given_a_pairing_then_it_goes_before_every_guess() -> None:
    mapped = match_columns(["question", "customer"], ["question", "name"], {"question": "name"})

    assert mapped.pairs == {"question": "name"}
    assert mapped.missing == ("customer",)


def test_given_one_column_for_two_variables_then_both_take_it() -> None:
    mapped = match_columns(["a", "b"], ["text"], {"a": "text", "b": "text"})

    assert mapped.pairs == {"a": "text", "b": "text"}


def test_given_a_better_synonym_then_it_is_taken_first() -> None:
    assert match_columns(["question"], ["comment", "message"], {}).pairs == {"question": "message"}


@pytest.mark.parametrize(
    ("pairing", "told"),
    [
        ({"question": "txt"}, "the data has no column 'txt'. Did you mean 'text'?"),
        ({"qestion": "text"}, "the prompts have no variable 'qestion'. Did you mean 'question'?"),
        ({"question": "zzz"}, "the data has no column 'zzz'. There are: text, label."),
    ],
)
def test_given_a_name_that_is_not_there_then_the_nearest_is_named(pairing: dict[str, str], told: str) -> None:
    with pytest.raises(UserError) as raised:
        match_columns(["question"], ["text", "label"], pairing)

    assert told in str(raised.value)


names = st.lists(
    st.sampled_from(["question", "Text", "text", "id", "name", "user", "label", "x", "Y"]), unique=True
)


@given(names, names)
def test_given_any_names_then_every_variable_is_paired_or_missing_and_no_column_is_taken_twice(
    variables: list[str], columns: list[str]
) -> None:
    mapped = match_columns(variables, columns, {})

    assert sorted([*mapped.pairs, *mapped.missing]) == sorted(variables)
    assert len(set(mapped.pairs.values())) == len(mapped.pairs)
    assert set(mapped.pairs.values()) <= set(columns)
    assert len(mapped.said()) == len(variables)


def test_given_thousands_of_columns_then_the_first_of_them_are_named_and_the_rest_counted() -> None:
    columns = [f"c{number}" for number in range(5_000)]
    with pytest.raises(UserError) as raised:
        match_columns(["question"], columns, {"question": "zzz"})
    assert str(raised.value).endswith("There are: " + ", ".join(columns[:20]) + ", … and 4,980 more.")
