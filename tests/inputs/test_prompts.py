"""Prompts from files and folders, and what is said of those that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import UserError
from app.inputs.prompts import Message, load_prompts

CHAT = (Message("system", "Be kind."), Message("user", "{{ question }}\n"))


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("name", ["answer.txt", "answer.md", "answer.j2", "answer.J2"])
def test_given_a_text_file_then_it_is_one_user_message(tmp_path: Path, name: str) -> None:
    (prompt,) = load_prompts(write(tmp_path, name, "Answer: {{ question }}\r\n"))

    assert prompt.name == "answer"
    assert prompt.messages == (Message("user", "Answer: {{ question }}\n"),)
    assert prompt.source == tmp_path / name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "chat.toml",
            '[[messages]]\nrole = "system"\ncontent = "Be kind."\n'
            '[[messages]]\nrole = "user"\ncontent = """{{ question }}\n"""',
        ),
        (
            "chat.yaml",
            "- role: system\n  content: Be kind.\n- role: user\n  content: |\n    {{ question }}\n",
        ),
        (
            "chat.yml",
            'messages:\n- {role: system, content: Be kind.}\n- {role: user, content: "{{ question }}\\n"}',
        ),
        (
            "chat.json",
            '[{"role":"system","content":"Be kind."},{"role":"user","content":"{{ question }}\\n"}]',
        ),
        (
            "chat.json",
            '{"messages":[{"role":"system","content":"Be kind."},'
            '{"role":"user","content":"{{ question }}\\n"}]}',
        ),
    ],
)
def test_given_chat_messages_then_they_are_read_alike_in_every_language(
    tmp_path: Path, name: str, text: str
) -> None:
    (prompt,) = load_prompts(write(tmp_path, name, text))

    assert prompt.messages == CHAT


def test_given_a_folder_then_its_prompts_come_by_name_and_the_rest_is_noted(tmp_path: Path) -> None:
    for name in ("triage.j2", "answer.txt", "answer.md", ".hidden.txt", "notes.pdf"):
        write(tmp_path, name, "x")
    write(tmp_path, "sub", "").unlink()
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", "deep.txt", "x")
    notes: list[str] = []

    prompts = load_prompts(tmp_path, note=notes.append)

    assert [prompt.name for prompt in prompts] == ["answer.md", "answer.txt", "triage"]
    assert [note.split()[0] for note in notes] == [".hidden.txt", "notes.pdf", "sub"]


def test_given_yaml_scalars_then_they_stay_the_text_that_was_written(tmp_path: Path) -> None:
    (prompt,) = load_prompts(
        write(tmp_path, "p.yaml", "- {role: user, content: yes}\n- {role: user, content: 2024}")
    )

    assert [message.template for message in prompt.messages] == ["yes", "2024"]


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_given_a_byte_order_mark_then_it_is_no_part_of_the_prompt(tmp_path: Path, mark: str) -> None:
    (prompt,) = load_prompts(write(tmp_path, "p.txt", "Grüße".encode(mark)))

    assert prompt.messages[0].template == "Grüße"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("p.txt", "", "p.txt: is empty"),
        ("p.txt", "  \n", "p.txt: is empty"),
        ("p.txt", b"line\nr\xe9sum\xe9", "p.txt, line 2: is not UTF-8"),
        ("p.txt", "x" * 1_000_001, "p.txt: is over 1 MB"),
        ("p.docx", "x", "p.docx: is no prompt by its ending"),
        ("p.json", "[\n{]", "p.json, line 2: is not valid JSON"),
        ("p.json", "[" * 100_000, "p.json: is nested too deeply"),
        ("p.json", "[" + "9" * 5000 + "]", "p.json: is not valid JSON"),
        ("p.yaml", "a: [\nb", "p.yaml, line"),
        ("p.yaml", "[" * 100_000, "p.yaml: is nested too deeply"),
        ("p.yaml", "- " * 5000, "p.yaml: is nested too deeply"),
        ("p.yaml", "&a [*a]", "p.yaml, line 1: is not valid YAML"),
        ("p.yaml", "!!python/object/apply:os.system [x]", "message 1: is not a role with a content"),
        ("p.toml", "[[messages]]\nrole = ", "p.toml: is not valid TOML"),
        ("p.toml", "model = 'x'", "p.toml: has an unknown key 'model'"),
        ("p.json", "{}", "p.json: holds no messages"),
        ("p.json", "[]", "p.json: holds no messages"),
        ("p.json", '["hi"]', "p.json, message 1: is not a role with a content"),
        ("p.json", '[{"role":"user","content":"x"},{"content":"x"}]', "p.json, message 2: has no role"),
        ("p.json", '[{"role":"robot","content":"x"}]', "has the role 'robot'. A role is one of system"),
        ("p.json", '[{"role":["user"],"content":"x"}]', "has the role ['user']"),
        ("p.json", '[{"role":"user"}]', "has no content"),
        ("p.json", '[{"role":"user","content":[]}]', "has a content that is not text"),
        ("p.json", '[{"rol":"user","content":"x"}]', "has an unknown key 'rol'. Did you mean 'role'?"),
    ],
)
def test_given_what_is_no_prompt_then_one_error_says_where_and_why(
    tmp_path: Path, name: str, text: str | bytes, told: str
) -> None:
    with pytest.raises(UserError) as raised:
        load_prompts(write(tmp_path, name, text))

    assert told in str(raised.value)


def test_given_yaml_aliases_that_multiply_then_they_are_never_written_out(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
    )

    with pytest.raises(UserError, match="unknown key 'a0'"):
        load_prompts(write(tmp_path, "p.yaml", bomb))


def test_given_a_missing_file_or_a_folder_without_prompts_then_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_prompts(tmp_path / "none.txt")
    with pytest.raises(UserError, match="holds no prompts"):
        load_prompts(tmp_path)


def test_given_too_many_prompts_then_that_is_said(tmp_path: Path) -> None:
    for number in range(501):
        write(tmp_path, f"{number}.txt", "x")

    with pytest.raises(UserError, match="holds 501 prompts"):
        load_prompts(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    st.sampled_from([".toml", ".yaml", ".json", ".txt"]),
    st.text(alphabet="[]{}:-\"'rolecntu&*!|>\n =.", max_size=60),
)
def test_given_any_text_then_there_are_messages_or_one_user_error(
    tmp_path: Path, ending: str, text: str
) -> None:
    path = write(tmp_path, "p" + ending, text)
    try:
        (prompt,) = load_prompts(path)
    except UserError:
        return
    assert prompt.messages
