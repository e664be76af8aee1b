"""What templates may do, may not do, and are told, without the process around them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inputs.rendering import Renderer


def render(template: str, **values: Any) -> dict[str, Any]:
    renderer = Renderer()
    renderer.perform({"do": "load", "prompts": {"p": [["user", template]]}})
    return renderer.perform({"do": "render", "prompt": "p", "values": values})


def text_of(template: str, **values: Any) -> str:
    answer = render(template, **values)
    return str(answer["messages"][0][1])


def test_given_messages_then_each_is_rendered_with_its_role() -> None:
    renderer = Renderer()
    chat = [
        ["system", "Answer as {{ tone }}."],
        ["user", "{% if plan %}[{{ plan }}] {% endif %}{{ question }}"],
    ]
    assert renderer.perform({"do": "load", "prompts": {"chat": chat}}) == {"loaded": 1}

    answer = renderer.perform(
        {"do": "render", "prompt": "chat", "values": {"tone": "a friend", "plan": "", "question": "Hi?"}}
    )

    assert answer == {"messages": [["system", "Answer as a friend."], ["user", "Hi?"]]}


def test_given_prompts_loaded_again_then_the_old_ones_are_gone() -> None:
    renderer = Renderer()
    for text in ("one", "two"):
        renderer.perform({"do": "load", "prompts": {"p": [["user", text]]}})
        answer = renderer.perform({"do": "render", "prompt": "p", "values": {}})
    assert answer == {"messages": [["user", "two"]]}


def test_given_templates_then_their_variables_are_found() -> None:
    job = {
        "do": "variables",
        "templates": ["{{ b.c }} {% set x = 1 %}{{ x }}", "{% for i in a %}{{ i }}{% endfor %}"],
    }

    assert Renderer().perform(job) == {"variables": ["a", "b"]}


def test_given_values_of_json_then_they_are_to_be_used_as_they_are() -> None:
    assert (
        text_of("{{ order.lines[1] }} {{ n + 1 }} {{ no is none }}", order={"lines": [1, 2]}, n=1, no=None)
        == "2 2 True"
    )


@pytest.mark.parametrize(
    "value", ["{{ 7*7 }}", "{% raw %}", "{# #}", "{{ '' }}", "{% for i in x %}", "<b>&amp;</b>"]
)
def test_given_template_syntax_in_data_then_it_stays_as_it_is(value: str) -> None:
    assert text_of("<{{ x }}>", x=value) == f"<{value}>"
    assert text_of("{{ x ~ x }}", x=value) == value * 2


@given(st.text(alphabet=st.characters()))
def test_given_any_value_then_it_comes_out_unchanged(value: str) -> None:
    assert text_of("{{ x }}", x=value) == value


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("a\n{{ nope }}", "line 2: 'nope' is undefined"),
        ("{{ x.y }}", "line 1: 'str object' has no attribute 'y'"),
        ("a\nb\n{{ x", "line 3: unexpected end of template"),
        ("{% if x %}", "line 1: Unexpected end of template"),
        ("{{ x|nofilter }}", "line 1: No filter named 'nofilter'"),
        ("\n{{ 1 + 'a' }}", "line 2: unsupported operand"),
        ("{{ 1 // 0 }}", "line 1: integer division"),
        ("{% include 'x' %}", "line 1: 'include' is not available in a prompt"),
        ("{% import 'x' as y %}", "line 1: 'import' is not available in a prompt"),
        ("{% from 'x' import y %}", "line 1: 'from … import' is not available in a prompt"),
        ("{% extends 'x' %}", "line 1: 'extends' is not available in a prompt"),
        ("{{ ().__class__.__mro__ }}", "line 1: not allowed: access to attribute '__class__'"),
        ("{{ x.__init__.__globals__ }}", "line 1: not allowed: access to attribute '__init__'"),
        ("{{ x['__class__'] }}", "line 1: not allowed"),
        ("{{ (x|attr('__class__')) }}", "line 1: not allowed"),
        ("{{ cycler.__init__.__globals__.os }}", "line 1: not allowed"),
        ("{{ '{0.__class__}'.format(x) }}", "line 1: not allowed"),
        ("{{ d.update({'a': 1}) }}", "line 1: not allowed"),
        ("{{ x|random }}", "line 1: No filter named 'random'"),
        ("{{ lipsum() }}", "line 1: 'lipsum' is undefined"),
        ("{% for i in range(10**9) %}{% endfor %}", "line 1: Range too big"),
        ("{{ " + "(" * 5000 + ")" * 5000 + " }}", "is nested too deeply"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "is nested too deeply"),
        ("{% for i in range(99999) %}{{ 'abcdefghijklmnop' }}{% endfor %}", "gave over 1 MB of text"),
    ],
)
def test_given_a_template_that_errs_or_attacks_then_one_line_says_so(template: str, told: str) -> None:
    answer = render(template, x="value", d={})

    assert set(answer) == {"error"}
    assert told in answer["error"]
    assert "\n" not in answer["error"]


def test_given_a_syntax_error_then_the_variables_job_says_it_too() -> None:
    answer = Renderer().perform({"do": "variables", "templates": ["fine", "a\n{% endif %}"]})

    assert answer["error"].startswith("line 2: ")


def test_given_an_error_in_one_prompt_then_the_others_render() -> None:
    renderer = Renderer()
    renderer.perform({"do": "load", "prompts": {"bad": [["user", "{{"]], "good": [["user", "ok"]]}})

    assert "error" in renderer.perform({"do": "render", "prompt": "bad", "values": {}})
    assert renderer.perform({"do": "render", "prompt": "good", "values": {}}) == {
        "messages": [["user", "ok"]]
    }
