"""Data files as they come: formats, encodings, delimiters, bad rows, and files that are none."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import UserError
from app.inputs.datasets import Dataset, load_dataset
from tests.inputs.shared_data import naughty_strings, shared

FRENCH = "Bonjour, je n'ai pas reçu ma carte. Où est-elle ? C’est très gênant – 20 €"


def load(folder: Path, text: str | bytes, name: str = "data.csv") -> Dataset:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_dataset(path)


def rows(dataset: Dataset) -> list[dict[str, object]]:
    return [dataset.row(index) for index in range(len(dataset))]


def bad(dataset: Dataset) -> list[tuple[int, int | None]]:
    return [(row.number, row.line) for row in dataset.bad]


class TestFormats:
    @pytest.mark.parametrize(
        ("name", "text", "form"),
        [
            ("d.csv", "question,label\nhi,a\nho,b\n", "csv"),
            ("d.tsv", "question\tlabel\nhi\ta\nho\tb\n", "tsv"),
            ("d.csv", "question\tlabel\nhi\ta\nho\tb\n", "tsv"),
            ("d.txt", "question|label\nhi|a\nho|b", "csv"),
            ("d", "question;label\r\nhi;a\r\nho;b\r\n", "csv"),
            ("d.csv", "question,label\rhi,a\rho,b\r", "csv"),
            ("d.csv", '"question", "label"\n"hi", "a"\n"ho", "b"\n', "csv"),
            ("d.json", '[{"question":"hi","label":"a"},{"question":"ho","label":"b"}]', "json"),
            (
                "d.json",
                '{"made":2024,"rows":[{"question":"hi","label":"a"},{"question":"ho","label":"b"}]}',
                "json",
            ),
            (
                "d.json",
                '{\n"question":[],\n"rows":[\n{"question":"hi","label":"a"},{"question":"ho","label":"b"}]}',
                "json",
            ),
            ("d.jsonl", '{"question":"hi","label":"a"}\n\n{"question":"ho","label":"b"}\n', "jsonl"),
            ("d.json", '{"question":"hi","label":"a"}\n{"question":"ho","label":"b"}\n', "jsonl"),
            ("d.csv", '{"question":"hi","label":"a"}\n{"question":"ho","label":"b"}\n', "jsonl"),
            ("d.jsonl", '[{"question":"hi","label":"a"},\n{"question":"ho","label":"b"}]', "json"),
            ("d.dat", '[\n  {"question":"hi","label":"a"},\n  {"question":"ho","label":"b"}\n]', "json"),
        ],
    )
    def test_given_a_format_then_it_is_known_by_ending_or_content(
        self, tmp_path: Path, name: str, text: str, form: str
    ) -> None:
        dataset = load(tmp_path, text, name)

        assert rows(dataset) == [{"question": "hi", "label": "a"}, {"question": "ho", "label": "b"}]
        assert dataset.format == form
        assert set(dataset.columns) == {"question", "label"}
        assert dataset.bad == ()

    def test_given_content_unlike_its_ending_then_a_note_says_so(self, tmp_path: Path) -> None:
        assert load(tmp_path, '{"a":1}\n{"a":2}\n', "d.json").notes == (
            "read as JSONL, which is what is in it",
        )

    def test_given_json_values_then_they_stay_what_they_are(self, tmp_path: Path) -> None:
        line = '{"n": 1.5, "i": 3, "t": true, "x": null, "o": {"a": [1, "ü"]}}'

        assert load(tmp_path, line + '\n{"n": 2}\n', "d.jsonl").row(0) == json.loads(line)

    def test_given_numbers_that_are_none_then_they_are_strings(self, tmp_path: Path) -> None:
        dataset = load(
            tmp_path, f'{{"a": NaN, "b": -Infinity, "c": 1e999, "d": {"9" * 5000}}}\n{{"a": 1}}', "d.jsonl"
        )

        assert dataset.row(0) == {"a": "NaN", "b": "-Infinity", "c": "1e999", "d": "9" * 5000}

    def test_given_rows_that_lack_keys_then_the_keys_are_absent(self, tmp_path: Path) -> None:
        dataset = load(tmp_path, '{"a": 1}\n{"b": 2}\n', "d.jsonl")

        assert dataset.columns == ("a", "b")
        assert rows(dataset) == [{"a": 1}, {"b": 2}]

    def test_given_an_index_beyond_the_rows_then_it_is_an_index_error(self, tmp_path: Path) -> None:
        dataset = load(tmp_path, "a\n1\n")
        for index in (1, -1):
            with pytest.raises(IndexError):
                dataset.row(index)


class TestDelimiters:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_given_a_delimiter_then_it_is_found_though_the_others_are_in_the_text(
        self, tmp_path: Path, delimiter: str
    ) -> None:
        others = [each for each in ",;\t|" if each != delimiter]
        lines = [f"hi{others[n % 3]} there{delimiter}a" for n in range(20)]

        dataset = load(tmp_path, f"question{delimiter}label\n" + "\n".join(lines))

        assert dataset.delimiter == delimiter
        assert len(dataset) == 20

    def test_given_one_column_then_commas_split_nothing(self, tmp_path: Path) -> None:
        dataset = load(tmp_path, "question\nHi, where is it?\nNo; I mean, this\n")

        assert dataset.delimiter is None
        assert rows(dataset) == [{"question": "Hi, where is it?"}, {"question": "No; I mean, this"}]

    def test_given_a_delimiter_by_the_user_then_it_is_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "d.csv"
        path.write_text("a,b;c\n1,2;3\n")

        assert load_dataset(path, delimiter=";").columns == ("a,b", "c")

    @pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n"])
    def test_given_what_is_no_delimiter_then_that_is_said(self, tmp_path: Path, delimiter: str) -> None:
        path = tmp_path / "d.csv"
        path.write_text("a,b\n1,2\n")

        with pytest.raises(UserError, match="cannot be a delimiter"):
            load_dataset(path, delimiter=delimiter)


class TestEncodings:
    @pytest.mark.parametrize(
        ("written", "said", "guessed"),
        [
            ("utf-8", "utf-8", False),
            ("utf-8-sig", "utf-8", False),
            ("utf-16", "utf-16", False),
            ("utf-16-le", "utf-16-le", True),
            ("utf-16-be", "utf-16-be", True),
            ("utf-32", "utf-32", False),
            ("cp1252", "cp1252", True),
        ],
    )
    def test_given_an_encoding_then_it_is_detected_and_said(
        self, tmp_path: Path, written: str, said: str, guessed: bool
    ) -> None:
        dataset = load(tmp_path, f"question;label\n{FRENCH};a\n".encode(written))

        assert rows(dataset) == [{"question": FRENCH, "label": "a"}]
        assert dataset.encoding == said
        assert dataset.notes == ((f"encoding guessed: {said}",) if guessed else ())

    @pytest.mark.parametrize(
        "text",
        [
            "café",
            "the price is £20",
            "costs 5° or ½ price ©",
            "It’s “broken” – I can’t pay £20… naïve",
            "Ich möchte meine Karte zurückschicken, außerdem: 5 €",
            "¿Dónde está mi tarjeta? Mañana salgo de viaje, señor. ¡Rápido!",
            "Não recebi o cartão, preciso de ação imediata. Coração",
            "Jag har inte fått mitt kort ännu, är det på väg?",
            "Hvor er mit kort? Jeg har ikke fået det endnu, det er ærgerligt. Øl på åen",
            "Perché non è arrivata la carta? Così non può andare, è già venerdì",
            "Het is één à twee weken geleden; geïnteresseerd in coöperatie",
        ],
    )
    def test_given_western_text_in_windows_1252_then_it_comes_out_right(
        self, tmp_path: Path, text: str
    ) -> None:
        dataset = load(tmp_path, f"label|question\na|{text}\n".encode("cp1252"))

        assert dataset.row(0)["question"] == text

    @pytest.mark.parametrize(
        ("encoding", "text"),
        [
            ("cp1250", "Dzień dobry, nie dostałem jeszcze mojej karty płatniczej, proszę o pomoc. Żółć"),
            ("cp1250", "Dobrý den, ještě jsem nedostal kartu, můžete mi prosím pomoci? Příliš žluťoučký kůň"),
            ("cp1251", "Здравствуйте, я ещё не получил свою карту, помогите пожалуйста"),
            ("koi8-r", "Здравствуйте, я ещё не получил свою карту, помогите пожалуйста"),
            ("cp1253", "Καλημέρα, δεν έχω λάβει ακόμα την κάρτα μου"),
            ("shift_jis", "カードがまだ届いていません。どうすればいいですか"),
            ("gb18030", "我的卡还没有到,请问怎么办?谢谢"),
            ("euc_kr", "카드가 아직 도착하지 않았습니다. 어떻게 해야 하나요"),
        ],
    )
    def test_given_text_of_elsewhere_in_its_code_page_then_it_comes_out_right(
        self, tmp_path: Path, encoding: str, text: str
    ) -> None:
        dataset = load(tmp_path, f"label|question\na|{text}\n".encode(encoding))

        assert dataset.row(0)["question"] == text

    def test_given_one_broken_row_in_utf8_then_it_alone_is_bad(self, tmp_path: Path) -> None:
        dataset = load(tmp_path, b"q,l\nGr\xc3\xbc\xc3\x9fe,a\nr\xe9sum\xe9,b\nok,c\n")

        assert [row["l"] for row in rows(dataset)] == ["a", "c"]
        assert bad(dataset) == [(2, 3)]
        assert dataset.bad[0].reason == "bytes that are not text in this encoding"

    def test_given_an_encoding_by_the_user_then_it_is_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "d.csv"
        path.write_bytes("q,l\nПривет,a\n".encode("koi8-r"))

        assert load_dataset(path, encoding="KOI8-R").row(0)["q"] == "Привет"

    @pytest.mark.parametrize("name", ["utf-9", "base64", ""])
    def test_given_what_is_no_encoding_then_that_is_said(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / "d.csv"
        path.write_text("a\n1\n")

        with pytest.raises(UserError, match=f"there is no encoding '{name}'"):
            load_dataset(path, encoding=name)


class TestBadRows:
    def test_given_too_few_and_too_many_fields_then_they_are_listed_with_number_and_line(
        self, tmp_path: Path
    ) -> None:
        dataset = load(tmp_path, 'q,l\n"two\nlines",a\nonly\n\n1,2,3\nok,b\n')

        assert [row["l"] for row in rows(dataset)] == ["a", "b"]
        assert bad(dataset) == [(2, 4), (3, 6)]
        assert [row.reason for row in dataset.bad] == [
            "1 fields where the header has 2",
            "3 fields where the header has 2",
        ]
        assert [dataset.number(index) for index in range(2)] == [1, 4]

    def test_given_a_quote_that_is_never_closed_then_no_other_row_is_lost(self, tmp_path: Path) -> None:
        good = [f"row {n},x" for n in range(500)]
        dataset = load(tmp_path, "\n".join(["q,l", *good[:10], '"broken,x', *good[10:]]))

        assert len(dataset) == 500
        assert bad(dataset) == [(11, 12)]
        assert dataset.bad[0].reason == "a quote is not closed"

    def test_given_a_quote_closed_by_a_later_row_then_the_rows_between_are_kept(self, tmp_path: Path) -> None:
        dataset = load(tmp_path, 'q,l\n"broken,x\na,1\nb,2\n"c","3"\n')

        assert [row["q"] for row in rows(dataset)] == ["a", "b", "c"]
        assert bad(dataset) == [(1, 2)]

    def test_given_a_quote_closed_so_that_the_fields_fit_then_the_swallowing_is_seen(
        self, tmp_path: Path
    ) -> None:
        between = [f"row {n},x,y" for n in range(20)]
        dataset = load(tmp_path, "\n".join(["q,l,m", '1,2,"broken', *between, '3,4,five"', "6,7,8"]))

        assert len(dataset) == 22
        assert bad(dataset) == [(1, 2)]
        assert "look like rows" in dataset.bad[0].reason

    def test_given_prose_over_several_lines_then_its_commas_do_not_make_it_bad(self, tmp_path: Path) -> None:
        letter = "Dear all,\nhello, world\nyes, no\nso, there\n\nBye, Ann"
        dataset = load(tmp_path, f'q,l\n"{letter}",a\n')

        assert dataset.row(0)["q"] == letter

    def test_given_a_quoted_field_over_the_cap_then_it_is_bad_and_the_rest_is_kept(
        self, tmp_path: Path
    ) -> None:
        filler = "".join(f"word {n},x\n" for n in range(120_000))
        dataset = load(tmp_path, 'q,l\n"broken,x\n' + filler)

        assert len(dataset) == 120_000
        assert bad(dataset) == [(1, 2)]
        assert "over 1,000,000 characters" in dataset.bad[0].reason

    def test_given_a_document_as_a_field_then_it_is_kept(self, tmp_path: Path) -> None:
        document = "A line of text, with commas.\n" * 10_000

        assert load(tmp_path, f'q,l\n"{document}",a\n').row(0)["q"] == document

    def test_given_broken_quotes_all_over_then_reading_ends_soon(self, tmp_path: Path) -> None:
        dataset = load(tmp_path, "q,l\nok,a\n" + '","\n' * 20_000)

        assert dataset.row(0) == {"q": "ok", "l": "a"}
        assert dataset.bad_count > 1000
        assert len(dataset.bad) == 1000

    def test_given_stray_quotes_then_the_row_is_bad_but_quotes_within_text_are_not(
        self, tmp_path: Path
    ) -> None:
        dataset = load(tmp_path, 'q,l\n"said "hi" to me",a\n5" screen,b\n"said ""hi""",c\n')

        assert [row["q"] for row in rows(dataset)] == ['5" screen', 'said "hi"']
        assert bad(dataset) == [(1, 2)]

    def test_given_nul_characters_then_their_rows_are_bad(self, tmp_path: Path) -> None:
        dataset = load(tmp_path, "q,l\na,1\nb\0b,2\nc,3\n" + "d,4\n" * 20)

        assert len(dataset) == 22
        assert [(row.number, row.reason) for row in dataset.bad] == [(2, "NUL characters")]

    def test_given_json_lines_with_bad_ones_then_they_are_listed(self, tmp_path: Path) -> None:
        lines = [
            "oops",
            '{"a": 1}',
            '{"a": 1',
            "[1]",
            "null",
            '"x"',
            "3",
            "true",
            "[" * 100_000,
            '{"a": "\\ud83d"}',
            '{"a": 2}',
        ]
        dataset = load(tmp_path, "\n".join(lines), "d.jsonl")

        assert rows(dataset) == [{"a": 1}, {"a": 2}]
        assert [row.number for row in dataset.bad] == [1, 3, 4, 5, 6, 7, 8, 9, 10]
        assert [row.reason for row in dataset.bad] == [
            "invalid JSON: Expecting value at character 1",
            "invalid JSON: Expecting ',' delimiter at character 9",
            "not an object but a list",
            "not an object but null",
            "not an object but a string",
            "not an object but a number",
            "not an object but true or false",
            "nested too deeply",
            "half a surrogate pair, which is no text",
        ]
        assert dataset.number(1) == 11

    def test_given_a_json_list_with_other_things_then_they_are_listed_without_a_line(
        self, tmp_path: Path
    ) -> None:
        dataset = load(tmp_path, '[{"a": 1}, 2, {"a": 3}]', "d.json")

        assert len(dataset) == 2
        assert bad(dataset) == [(2, None)]

    def test_given_an_overlong_line_then_it_is_bad_and_the_next_is_read(self, tmp_path: Path) -> None:
        huge = json.dumps({"a": "x" * 5_000_000})
        dataset = load(tmp_path, f'{{"a": 1}}\n{huge}\n{{"a": 3}}\n', "d.jsonl")

        assert rows(dataset) == [{"a": 1}, {"a": 3}]
        assert dataset.bad[0].reason == "an overlong line"


class TestColumnNames:
    def test_given_empty_and_repeated_names_then_they_are_made_unique_and_noted(self, tmp_path: Path) -> None:
        dataset = load(tmp_path, "a,,a, b ,a_2\n1,2,3,4,5\n")

        assert dataset.columns == ("a", "column_2", "a_3", "b", "a_2")
        assert dataset.row(0) == {"a": "1", "column_2": "2", "a_3": "3", "b": "4", "a_2": "5"}
        assert dataset.notes == (
            "column 2 has no name: called 'column_2'",
            "column 3 is another 'a': called 'a_3'",
        )

    def test_given_an_empty_key_in_json_then_it_gets_a_name(self, tmp_path: Path) -> None:
        assert load(tmp_path, '{"": 1, "unnamed": 2}\n{"a": 1}', "d.jsonl").row(0) == {
            "unnamed_": 1,
            "unnamed": 2,
        }


class TestUnusableFiles:
    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("d.csv", b"", "d.csv: is empty"),
            ("d.csv", b" \r\n\n", "d.csv: is empty"),
            ("d.csv", b"\xef\xbb\xbf", "d.csv: is empty"),
            ("d.csv", b"q,l\n", "d.csv: has no rows"),
            (
                "d.csv",
                b"q,l\n1\n2\n",
                "d.csv: has no good row: 2 bad ones, the first row 1 (line 2): 1 fields",
            ),
            ("d.csv", b'"q,l\n1,2\n', "d.csv: the header, line 1, cannot be read: a quote is not closed"),
            ("d.csv", b"PK\x03\x04rest", "d.csv: is an Excel workbook or another zip file, not text"),
            ("d.csv", b"PAR1", "is a Parquet file"),
            ("d.csv", bytes(range(256)) * 10, "d.csv: is binary, not text"),
            ("d.csv", b"\0" * 500, "d.csv: is binary, not text"),
            ("d.json", b'{"a": 1', "d.json: is not valid JSON: Expecting ',' delimiter, line 1, column 8"),
            ("d.json", b"q,l\n1,2\n", "d.json: is not valid JSON"),
            ("d.json", b"[" * 100_000, "d.json: is nested too deeply"),
            ("d.json", b"[]", "d.json: has no rows"),
            ("d.json", b"3", "d.json: holds no rows"),
            ("d.json", b'{"a": [1], "b": 2}', "d.json: holds no list of objects"),
            ("d.json", b'{"a": [{}], "b": [{}]}', "d.json: holds 2 lists of objects (a, b)"),
            ("d.jsonl", b"oops\n", "d.jsonl: has no good row"),
        ],
    )
    def test_given_a_file_without_rows_then_one_error_says_why(
        self, tmp_path: Path, name: str, content: bytes, told: str
    ) -> None:
        with pytest.raises(UserError) as raised:
            load(tmp_path, content, name)

        assert told in str(raised.value)

    def test_given_no_file_or_a_folder_or_a_pipe_then_that_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="No such file"):
            load_dataset(tmp_path / "none.csv")
        with pytest.raises(UserError, match="is a folder"):
            load_dataset(tmp_path)
        if hasattr(os, "mkfifo"):
            os.mkfifo(tmp_path / "pipe.csv")
            with pytest.raises(UserError, match="is no ordinary file"):
                load_dataset(tmp_path / "pipe.csv")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is readable")
    def test_given_a_file_that_may_not_be_read_then_that_is_said(self, tmp_path: Path) -> None:
        path = tmp_path / "d.csv"
        path.touch(mode=0)
        with pytest.raises(UserError, match="cannot be read: Permission denied"):
            load_dataset(path)


class TestProgress:
    def test_given_a_progress_function_then_it_is_told_bytes_up_to_the_end(self, tmp_path: Path) -> None:
        path = tmp_path / "d.csv"
        path.write_text("q,l\n" + "hello,there\n" * 20_000)
        told: list[tuple[int, int]] = []

        load_dataset(path, progress=lambda done, total: told.append((done, total)))

        size = path.stat().st_size
        assert told[0] == (0, size)
        assert told[-1] == (size, size)
        assert told == sorted(told)
        assert len(told) > 4

    def test_given_a_progress_function_that_raises_then_loading_ends(self, tmp_path: Path) -> None:
        path = tmp_path / "d.csv"
        path.write_text("q,l\n" + "hello,there\n" * 20_000)

        def stop(done: int, _total: int) -> None:
            if done:
                raise InterruptedError

        with pytest.raises(UserError, match="cannot be read"):
            load_dataset(path, progress=stop)


fields = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cc"], include_characters="\r\n\t"), max_size=20
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    st.lists(st.tuples(fields, fields, fields), min_size=1, max_size=8),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_given_any_texts_written_as_csv_then_they_are_read_back(
    tmp_path: Path, table: list[tuple[str, str, str]], delimiter: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "c"), *table])
    path = tmp_path / "d.csv"
    path.write_bytes(text.getvalue().encode())

    dataset = load_dataset(path, encoding="utf-8", delimiter=delimiter)

    assert [tuple(row.values()) for row in rows(dataset)] == table


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    st.text(alphabet='a1,;"\n\r\t{}[]: \0é', max_size=60) | st.binary(max_size=60),
    st.sampled_from([".csv", ".json", ".jsonl", ""]),
)
def test_given_any_bytes_then_every_row_is_good_or_listed_or_there_is_one_user_error(
    tmp_path: Path, content: str | bytes, ending: str
) -> None:
    try:
        dataset = load(tmp_path, content, "d" + ending)
    except UserError:
        return
    numbers = [dataset.number(index) for index in range(len(dataset))] + [row.number for row in dataset.bad]
    assert sorted(numbers) == list(range(1, len(dataset) + dataset.bad_count + 1))
    assert all(set(row) <= set(dataset.columns) for row in rows(dataset))


@pytest.mark.shared
class TestRealData:
    @pytest.mark.parametrize(
        ("name", "count", "columns"),
        [
            ("banking77-train.csv", 10_003, ("text", "category")),
            ("azure-llm-trace-conv.csv", 19_366, ("TIMESTAMP", "ContextTokens", "GeneratedTokens")),
        ],
    )
    def test_given_real_files_then_they_load_whole(
        self, name: str, count: int, columns: tuple[str, ...]
    ) -> None:
        dataset = load_dataset(shared(name))

        assert (len(dataset), dataset.bad_count, dataset.columns) == (count, 0, columns)
        with shared(name).open(newline="", encoding="utf-8") as file:
            assert rows(dataset) == list(csv.DictReader(file))

    def test_given_naughty_strings_then_csv_keeps_them(self, tmp_path: Path) -> None:
        strings = naughty_strings()
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("q", "l"), *((each, "x") for each in strings)])

        dataset = load(tmp_path, text.getvalue())

        assert [row["q"] for row in rows(dataset)] == strings

    @pytest.mark.parametrize("ascii_only", [True, False])
    def test_given_naughty_strings_then_json_lines_keep_them(self, tmp_path: Path, ascii_only: bool) -> None:
        strings = naughty_strings()
        lines = [json.dumps({"q": each}, ensure_ascii=ascii_only) for each in strings]

        assert [row["q"] for row in rows(load(tmp_path, "\n".join(lines), "d.jsonl"))] == strings
