"""What prompts and data come to before a run: told, not raised, and the same as what the run then does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.engine.control import Control
from app.engine.recall import Recall
from app.engine.run import Listener, Order, run_scenario
from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.inputs.mess import MESS_KINDS
from app.inputs.preparation import prepare_inputs
from app.inputs.preview import (
    BAD_SHOWN,
    Preview,
    mess_choices,
    mess_samples,
    preview_inputs,
    remapped,
    render_samples,
)
from app.inputs.preview.personal_data import kinds_in, passes_luhn
from app.inputs.preview.samples import mean_output_tokens
from app.providers.profile import Tokens
from app.scenario.files import ScenarioFile, open_scenario, parse_scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.inputs.shared_data import naughty_strings, shared

SUPPORT = open_scenario("support-assistant")
ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}{{ text }}"
MESS = (
    'faults=[{kind = "typos", rate = 0.5, severity = 0.4}, {kind = "null_text", rate = 0.3}, '
    '{kind = "mixed_formats", id = "formats", rate = 0.4}, {kind = "missing_field", rate = 0.2}]'
)


def small(*lines: str) -> ScenarioFile:
    """A scenario on the samples, with further `lines` at its top, to be given prompts and data."""
    text = "\n".join(
        [
            'title = "Small"',
            *lines,
            "[traffic]\nrate_per_s = 1",
            "[targets.primary]\nprice = { input_usd_per_million_tokens = 2, output_usd_per_million_tokens = 8 }",
            '[variants.prototype]\npreset = "prototype"',
        ]
    )
    return parse_scenario(text, Path("small.toml").resolve())


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Preview]:
    """The preview of an own prompt and own data."""

    def made(
        data: str | bytes, prompt: str = "Say: {{ text }}", name: str = "rows.csv", **choices: str
    ) -> Preview:
        return preview_inputs(
            small(),
            prompts=write(tmp_path / "say.txt", prompt),
            data=write(tmp_path / name, data),
            columns=choices,
        )

    return made


class TestMapping:
    def test_given_the_samples_then_every_variable_has_its_column_and_nothing_is_wrong(self) -> None:
        preview = preview_inputs(SUPPORT)

        assert [prompt.name for prompt in preview.prompts] == ["answer", "triage"]
        assert preview.data.rows == preview.row_count == 320
        assert {each.how for each in preview.mapping} == {"same name"}
        assert [each.variable for each in preview.mapping if not each.needed] == ["expected_intent"]
        assert preview.problems == ()
        assert preview.doubts == ()
        assert preview.chosen == ()

    def test_given_a_column_that_is_missing_then_it_is_told_and_all_else_is_still_shown(
        self, own: Callable[..., Preview]
    ) -> None:
        preview = own("blurb,story,n\na,b,1\nc,d,2\n")

        assert [(each.variable, each.column, each.how) for each in preview.mapping] == [
            ("text", None, "missing")
        ]
        assert "no column fits 'text'" in str(preview.problems[0])
        assert preview.data.columns == ("blurb", "story", "n")
        assert "'text' is undefined" in render_samples(preview, 0, [0])[0].rendered.error

    def test_given_a_column_chosen_then_nothing_is_missing_and_a_run_takes_it_alike(
        self, own: Callable[..., Preview], tmp_path: Path
    ) -> None:
        preview = remapped(own("blurb,story\na,b\nc,d\n"), {"text": "story"})

        assert preview.problems == ()
        assert preview.chosen == (("text", "story"),)
        assert preview.mapping[0].how == "chosen"
        assert render_samples(preview, 0, [1])[0].rendered.messages == (("user", "Say: d"),)
        with BoundedWorker() as worker:
            inputs = prepare_inputs(
                small(),
                worker,
                prompts=tmp_path / "say.txt",
                data=tmp_path / "rows.csv",
                columns=dict(preview.chosen),
            )
        assert inputs.columns.pairs == preview.inputs.columns.pairs
        assert inputs.text_columns == preview.inputs.text_columns

    def test_given_a_guess_then_it_says_why(self, own: Callable[..., Preview]) -> None:
        preview = own("message,n\nhello,1\n")

        assert (preview.mapping[0].how, preview.mapping[0].why) == ("guessed", "similar meaning")
        assert preview.chosen == ()

    def test_given_a_choice_that_fits_nothing_any_more_then_it_is_left_out_with_a_notice(
        self, own: Callable[..., Preview]
    ) -> None:
        preview = own("text\nhello\n", text="gone", other="text")

        assert preview.problems == () == preview.chosen
        assert sum("no longer fits" in notice for notice in preview.notices) == 2

    def test_given_a_mapping_in_the_scenario_that_fits_nothing_then_a_run_would_be_refused(
        self, tmp_path: Path
    ) -> None:
        write(tmp_path / "rows.csv", "text\nhello\n")
        write(tmp_path / "say.txt", "{{ text }}")
        text = small().text.replace(
            "[traffic]",
            '[prompts]\npath = "say.txt"\n[data]\npath = "rows.csv"\ncolumns = {text = "txt"}\n[traffic]',
        )

        preview = preview_inputs(parse_scenario(text, tmp_path / "own.toml"))

        assert "the data has no column 'txt'" in str(preview.problems[0])

    @pytest.mark.shared
    def test_given_ten_thousand_real_questions_then_guesses_and_gaps_are_told(self) -> None:
        preview = preview_inputs(SUPPORT, data=shared("banking77-train.csv"))

        assert preview.data.rows == 10_003
        pairs = {each.variable: (each.column, each.how) for each in preview.mapping}
        assert pairs["question"] == ("text", "guessed")
        assert pairs["expected_intent"] == ("category", "guessed")
        assert pairs["customer"] == (None, "missing")
        assert len(preview.problems) == 1


class TestFiles:
    def test_given_bad_rows_then_the_first_are_listed_and_all_are_counted(
        self, own: Callable[..., Preview]
    ) -> None:
        preview = own("text,n\n" + "a,1\n" + "b\n" * (BAD_SHOWN + 50) + "c,3\n")

        assert preview.data.bad_count == BAD_SHOWN + 50
        assert len(preview.data.bad) == BAD_SHOWN
        assert preview.data.bad[0] == (2, "1 fields where the header has 2")
        assert preview.data.rows == 2

    @pytest.mark.parametrize(
        ("data", "encoding"),
        [
            ("text;n\ncafé – naïve;1\n".encode("cp1252"), "cp1252"),
            ("\ufefftext;n\ncafé – naïve;1\n".encode(), "utf-8"),
        ],
    )
    def test_given_another_encoding_then_it_is_told_and_read(
        self, own: Callable[..., Preview], data: bytes, encoding: str
    ) -> None:
        preview = own(data)

        assert (preview.data.encoding, preview.data.delimiter) == (encoding, ";")
        assert render_samples(preview, 0, [0])[0].rendered.messages == (("user", "Say: café – naïve"),)

    @pytest.mark.parametrize("content", [b"", b"\x00\x01\x02\x03" * 50, b"PK\x03\x04rest", b"text\n"])
    def test_given_a_file_that_is_no_data_then_one_error_says_which(
        self, own: Callable[..., Preview], content: bytes
    ) -> None:
        with pytest.raises(UserError, match=r"rows\.csv"):
            own(content)

    def test_given_a_folder_or_nothing_for_data_then_an_error_says_so(self, tmp_path: Path) -> None:
        for path in (tmp_path, tmp_path / "gone.csv"):
            with pytest.raises(UserError):
                preview_inputs(SUPPORT, data=path)

    def test_given_a_template_that_is_wrong_then_the_prompt_is_named(
        self, own: Callable[..., Preview]
    ) -> None:
        with pytest.raises(UserError, match="prompt 'say'"):
            own("text\na\n", "{{ text ")

    def test_given_chat_messages_in_json_then_roles_are_kept(self, tmp_path: Path) -> None:
        chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "{{ text }}"}]
        preview = preview_inputs(
            small(),
            prompts=write(tmp_path / "chat.json", json.dumps(chat)),
            data=write(tmp_path / "rows.csv", "text\n{{ 7*7 }}\n"),
        )

        rendered = render_samples(preview, 0, [0])[0].rendered
        assert rendered.messages == (("system", "Be brief."), ("user", "{{ 7*7 }}"))

    def test_given_objects_without_a_needed_key_then_they_are_left_out_or_all_refused(
        self, own: Callable[..., Preview]
    ) -> None:
        some = own('{"text": "a"}\n{"n": 1}\n{"text": "b"}\n', name="rows.jsonl")
        none = own('{"text": "a"}\n{"n": 1}\n', "{{ text }}{{ n }}", name="rows.jsonl")

        assert (some.data.rows, some.row_count, some.problems) == (3, 2, ())
        assert render_samples(some, 0, [1])[0].number == 3
        assert "no row has all that the prompts need" in str(none.problems[0])

    def test_given_an_endless_template_then_it_is_killed_and_told(self, own: Callable[..., Preview]) -> None:
        preview = own("text\na\n", ENDLESS)

        assert "took over 2 s" in str(preview.problems[0])

    def test_given_up_while_it_reads_then_nothing_more_is_done(self, tmp_path: Path) -> None:
        data = write(tmp_path / "rows.csv", "text\n" + "hello\n" * 50_000)
        told: list[tuple[int, int]] = []

        class GivenUpError(Exception):
            pass

        def progress(done: int, total: int) -> None:
            told.append((done, total))
            if len(told) == 3:
                raise GivenUpError

        with pytest.raises(GivenUpError):
            preview_inputs(SUPPORT, data=data, progress=progress)
        assert told[0] == (0, data.stat().st_size)
        assert len(told) == 3

    @pytest.mark.shared
    def test_given_strings_that_break_software_then_they_come_through_as_they_are(
        self, own: Callable[..., Preview]
    ) -> None:
        strings = [each for each in naughty_strings() if each.strip()]
        preview = own(json.dumps([{"text": each} for each in strings]), "{{ text }}", name="naughty.json")

        samples = render_samples(preview, 0, range(preview.row_count))

        assert [each.rendered.messages[0][1] for each in samples] == [
            str(each.original["text"]) for each in samples
        ]


class TestSamples:
    def test_given_a_messy_run_then_each_row_was_asked_as_the_preview_shows_it(self, tmp_path: Path) -> None:
        file = small(MESS, "duration_s = 80")
        preview = preview_inputs(file)
        kinds = [choice.kind for choice in mess_choices(preview)]
        compared = set()

        with SessionLog.open(tmp_path / "log.db") as log:
            reader = RunReader(log, run_scenario(Order(file), log, Control(), Listener()))
            with BoundedWorker() as worker:
                recall = Recall(reader, worker)
                for number in range(reader.record().offered):
                    told = recall.request(number)[0]
                    if told.request.mess not in {"typos", "null_text", "formats", "missing_field"}:
                        continue  # none, or several at once
                    kind = "mixed_formats" if told.request.mess == "formats" else told.request.mess
                    if kind in compared:
                        continue
                    compared.add(kind)
                    sample = mess_samples(preview, told.request.prompt, told.request.row)[kinds.index(kind)]
                    assert sample.choice.in_scenario
                    assert sample.original == told.texts.original
                    assert sample.mutated == told.texts.mutated
                    shown = sample.rendered.error or [list(each) for each in sample.rendered.messages]
                    assert shown == told.texts.messages

        assert compared == {"typos", "null_text", "mixed_formats", "missing_field"}

    def test_given_no_mess_in_the_scenario_then_every_kind_can_still_be_seen(self) -> None:
        preview = preview_inputs(SUPPORT)

        samples = {each.choice.kind: each for each in mess_samples(preview, 0, 0)}

        assert set(samples) == set(MESS_KINDS)
        assert not any(each.choice.in_scenario for each in samples.values())
        assert samples["off_topic"].changed == ("question",)
        assert samples["missing_field"].rendered.error.endswith("is undefined")
        assert samples["far_too_long"].extra_tokens > 5_000
        assert samples["far_too_long"].rendered.counted_tokens > 5_700

    def test_given_a_fault_with_rules_then_a_row_that_they_leave_alone_says_so(self) -> None:
        rule = 'faults=[{kind = "typos", rate = 1, match = {column = "plan", equals = "Summit"}}]'
        preview = preview_inputs(small(rule))
        plans = [preview.inputs.row(index)["plan"] for index in range(8)]

        struck = [mess_samples(preview, 0, index)[0].strikes for index in (0, plans.index("Summit"))]

        assert struck == [plans[0] == "Summit", True]

    def test_given_prices_then_a_request_costs_its_tokens_and_the_mean_answer(
        self, own: Callable[..., Preview]
    ) -> None:
        rendered = render_samples(own("text\nhello there\n"), 0, [0])[0].rendered
        answer = round(mean_output_tokens(Tokens()))

        assert rendered.tokens == rendered.counted_tokens == 4
        assert rendered.costs[0].usd == pytest.approx((4 * 2 + answer * 8) / 1e6)
        assert rendered.costs[0].fits

    def test_given_no_price_or_too_small_a_model_then_that_is_said_and_never_0(self) -> None:
        settings = ['targets.fallback={model = "nobody-knows-it"}', "targets.primary.context_tokens=500"]
        preview = preview_inputs(open_scenario("support-assistant", settings))

        primary, fallback = render_samples(preview, 0, [0])[0].rendered.costs

        assert not primary.fits
        assert (fallback.usd, fallback.fits) == (None, True)

    def test_given_a_size_in_the_scenario_then_that_is_what_is_counted(self) -> None:
        rendered = render_samples(preview_inputs(SUPPORT), 0, [0])[0].rendered

        assert rendered.counted_tokens == round(725 * np.exp(0.25**2 / 2))
        assert rendered.tokens != rendered.counted_tokens

    @pytest.mark.parametrize(("median", "sigma", "bound"), [(150, 0.4, 300), (100, 1.0, 120), (500, 0, 300)])
    def test_the_mean_answer_is_that_of_the_lengths_that_are_drawn(
        self, median: float, sigma: float, bound: int
    ) -> None:
        drawn = median * np.exp(sigma * np.random.default_rng(1).standard_normal(400_000))
        tokens = Tokens(output_tokens=median, output_sigma=sigma, max_tokens=bound)

        assert mean_output_tokens(tokens) == pytest.approx(np.minimum(drawn, bound).mean(), rel=0.005)


class TestPersonalData:
    def test_given_addresses_phones_and_cards_then_their_columns_are_named_and_no_value(
        self, own: Callable[..., Preview]
    ) -> None:
        rows = "".join(
            f'{n},write to a{n}@example.org,"+1 202 555 01{n:02}",4111 1111 1111 1111\n' for n in range(10)
        )
        preview = own("n,text,phone,card\n" + rows)

        assert [(each.column, each.kind, each.rows, each.sampled) for each in preview.personal] == [
            ("text", "e-mail addresses", 10, 10),
            ("phone", "phone numbers", 10, 10),
            ("card", "card numbers", 10, 10),
        ]
        assert "example.org" not in repr(preview)
        assert "4111" not in repr(preview)

    @pytest.mark.parametrize(
        "value",
        [
            "2026-01-08 12:30:45",
            "01-02-2026 10:30",
            "FH-19333",
            "1234567890",
            "0.123456789012",
            "4111 1111 1111 1112",
            "$1,234,567.00",
            "half @ word",
            1767225600000,
            3.14,
            None,
        ],
    )
    def test_given_dates_orders_and_amounts_then_nothing_is_pointed_out(self, value: object) -> None:
        assert kinds_in(value) == []

    @pytest.mark.parametrize(
        "value", ["+49 30 901820", "(202) 555-0143", "202-555-0143", "030 901 820 12", "0049 30 9018200"]
    )
    def test_given_phone_numbers_as_people_write_them_then_they_are_seen(self, value: str) -> None:
        assert kinds_in(value) == ["phone numbers"]

    def test_the_check_digit_is_the_standards(self) -> None:
        assert passes_luhn("7992739871 3")
        assert not passes_luhn("79927398710")
