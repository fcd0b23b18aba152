"""Plan files: what people write, what it means, and where they went wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.core.aliases import ALIASES, NO_COUNTERPART, SPELLED_VALUES, VALUE_ALIASES
from tunewright.core.errors import PlanError
from tunewright.core.plan import SECTIONS, Plan
from tunewright.core.planfile import LoadedPlan, load_plan, plan_from, plan_yaml
from tunewright.core.section import is_auto


def _load(tmp_path: Path, text: str, *overrides: str) -> LoadedPlan:
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return load_plan(path, overrides=overrides)


def _refused(tmp_path: Path, text: str, *overrides: str) -> PlanError:
    with pytest.raises(PlanError) as caught:
        _load(tmp_path, text, *overrides)
    return caught.value


def _from(raw: dict[str, Any], *overrides: str) -> LoadedPlan:
    return plan_from(raw, folder=Path(), name="x", overrides=overrides)


class TestShapes:
    def test_load_plan_takes_a_bare_data_file(self, tmp_path: Path) -> None:
        (tmp_path / "tickets.csv").write_text("text,label\n")

        loaded = load_plan(tmp_path / "tickets.csv", overrides=("train.epochs=2",))

        assert (loaded.plan.data.train, loaded.folder, loaded.default_name) == ("tickets.csv", tmp_path, "tickets")
        assert loaded.plan.train.epochs == 2

    @pytest.mark.parametrize(
        ("text", "train", "name"),
        [
            ("data: x.csv", "x.csv", None),
            ("data: [x.csv, y.csv]", ("x.csv", "y.csv"), None),
            ("data: {train: x.csv}\nmodel: Qwen/Qwen3-0.6B", "x.csv", "Qwen/Qwen3-0.6B"),
            ("data.train: x.csv\nmodel.name: m", "x.csv", "m"),
            ("data:\n  train: x.csv\nmodel:\n", "x.csv", None),
        ],
    )
    def test_load_plan_takes_shorthands(self, tmp_path: Path, text: str, train: object, name: str | None) -> None:
        plan = _load(tmp_path, text).plan

        assert plan.data.train == train
        assert is_auto(plan.model.name) if name is None else plan.model.name == name

    def test_load_plan_takes_a_byte_order_mark_and_comments(self, tmp_path: Path) -> None:
        (tmp_path / "p.yml").write_bytes(b"\xef\xbb\xbf# mine\ntask: text # why not\n")

        assert load_plan(tmp_path / "p.yml").plan.task == "text"

    @pytest.mark.parametrize(
        ("content", "what", "line"),
        [
            (b"", "empty", ""),
            (b"# only a comment\n", "empty", ""),
            (b"- a\n- b\n", "list of `key: value`", ""),
            (b"just words", "list of `key: value`", ""),
            (b"data: {train: x.csv\ntrain: 3", "not valid YAML", ":2"),
            (b"task: text\n\tdata: x", "not valid YAML", ":2"),
            (b"task: caf\xe9", "not UTF-8", ""),
            (b"task: text\n---\ntask: text\n", "not valid YAML", ""),
            (b"3: x\n", "not the name of a field", ":1"),
            (b"? [a, b]\n: x\n", "not valid YAML", ":1"),
        ],
    )
    def test_load_plan_says_why_a_file_is_no_plan(self, tmp_path: Path, content: bytes, what: str, line: str) -> None:
        path = tmp_path / "plan.yaml"
        path.write_bytes(content)

        with pytest.raises(PlanError) as caught:
            load_plan(path)

        assert what in caught.value.what
        assert caught.value.where.startswith(f"{path}{line}")

    def test_load_plan_refuses_missing_files_and_folders_with_a_plan(self, tmp_path: Path) -> None:
        with pytest.raises(PlanError, match="there is no file"):
            load_plan(tmp_path / "missing.csv")
        (tmp_path / "plan.yaml").write_text("data: x.csv\n")
        with pytest.raises(PlanError, match="is a folder with a plan in it"):
            load_plan(tmp_path)
        (tmp_path / "run.json").write_text("{}")
        with pytest.raises(PlanError, match="is a run, not a plan"):
            load_plan(tmp_path)

    def test_load_plan_ends_when_an_anchor_holds_itself(self, tmp_path: Path) -> None:
        assert "recursive" in _refused(tmp_path, "data: &a\n  train: *a\n").what


class TestSpellings:
    @pytest.mark.parametrize(("alias", "canonical"), ALIASES.items())
    def test_plan_from_reads_an_alias_at_the_top_and_in_its_section_and_says_so(
        self, alias: str, canonical: str
    ) -> None:
        section, _, name = canonical.partition(".")
        value = {
            "dtype": "float32",
            "use_dora": True,
            "packing": False,
            "gradient_checkpointing": True,
            "lr_scheduler_type": "linear",
            "trackers": ("some",),
        }.get(name, "some" if section in ("data", "model", "run") or name == "target_modules" else 9)

        value, meant = next(iter(SPELLED_VALUES.get(alias, {value: value}).items()))

        top, inside = _from({alias: value}), _from({section: {alias: value}})

        assert getattr(getattr(top.plan, section), name) == meant
        assert top.plan == inside.plan == _from({section: {name: meant}}).plan
        assert top.notes == (f"{alias} is read as {canonical}",)
        assert inside.notes == (f"{section}.{alias} is read as {canonical}",)

    def test_aliases_name_existing_fields_and_hide_none(self) -> None:
        fields = {f"{s}.{name}" for s in SECTIONS for name in type(getattr(Plan(), s)).model_fields}

        assert set(ALIASES.values()) <= fields
        assert set(VALUE_ALIASES) <= fields
        assert not set(ALIASES) & set(SECTIONS)
        assert not {f"{c.partition('.')[0]}.{a}" for a, c in ALIASES.items()} & fields
        assert not set(ALIASES) & set(NO_COUNTERPART)
        assert not {field.partition(".")[2] for field in fields} & set(NO_COUNTERPART)

    def test_plan_from_reads_a_bare_field_name_that_only_one_section_has(self) -> None:
        loaded = _from({"learning_rate": "2e-4", "seed": 3})

        assert (loaded.plan.train.learning_rate, loaded.plan.run.seed) == (2e-4, 3)
        assert loaded.notes == ("learning_rate is read as train.learning_rate", "seed is read as run.seed")

    @pytest.mark.parametrize(("given", "meant"), [("bf16", "bfloat16"), ("fp32", "float32"), ("float", "float32")])
    def test_plan_from_reads_other_words_for_values(self, given: str, meant: str) -> None:
        assert _from({"torch_dtype": given}).plan.model.dtype == meant

    @pytest.mark.parametrize(
        ("raw", "meant"),
        [
            ({"load_in_4bit": True}, "nf4"),
            ({"model": {"load_in_8bit": True}}, "int8"),
            ({"quantization_bit": 4}, "nf4"),
            ({"load_in_4bit": False}, None),
            ({"load_in_8bit": False, "load_in_4bit": True}, "nf4"),
            ({"load_in_4bit": True, "load_in_8bit": False}, "nf4"),
        ],
    )
    def test_plan_from_reads_switches_that_say_half_of_the_value(self, raw: dict[str, Any], meant: str | None) -> None:
        assert _from(raw).plan.model.quantization == meant

    def test_plan_from_lets_a_switch_off_on_the_command_line_win(self) -> None:
        assert _from({"load_in_4bit": True}, "load_in_4bit=false").plan.model.quantization is None

    @pytest.mark.parametrize("raw", [{"load_in_4bit": "int8"}, {"quantization_bit": 3}])
    def test_plan_from_refuses_another_value_of_a_switch(self, raw: dict[str, Any]) -> None:
        with pytest.raises(PlanError, match="quantization cannot be"):
            _from(raw)

    def test_plan_from_refuses_two_switches_that_are_on(self) -> None:
        with pytest.raises(PlanError, match="given twice"):
            _from({"load_in_4bit": True, "load_in_8bit": True})

    def test_plan_from_says_nothing_about_canonical_names(self) -> None:
        assert _from({"train": {"epochs": 3}, "data": "x.csv", "task": "text"}).notes == ()

    @pytest.mark.parametrize(("name", "hint"), NO_COUNTERPART.items())
    def test_plan_from_hints_what_to_do_for_options_without_a_counterpart(self, name: str, hint: str) -> None:
        for raw in ({name: 1}, {"train": {name: 1}}):
            with pytest.raises(PlanError, match="no counterpart") as caught:
                _from(raw)
            assert caught.value.fix == hint

    @pytest.mark.parametrize(
        ("text", "line", "hint"),
        [
            ("task: text\ntrain:\n  epochs: 3\n  learning_rat: 1", 4, "train.learning_rate"),
            ("train:\n  lora_rnk: 8", 2, "train.lora_r"),
            ("task: text\n\ntrian:\n  epochs: 3", 3, "did you mean train?"),
            ("task: text\nlearning_rte: 3", 2, "train.learning_rate"),
            ("data:\n  train: x\n  epochs: 3", 3, "write train.epochs"),
            ("train: {text: x}", 1, "write data.text_column"),
            ("limit: 3", 1, "data.limit or evaluate.limit"),
            ("train: x.csv", 1, "write data.train"),
            ("training.epochs: 3", 1, "write train.epochs"),
            ("wibble.wobble: 3", 1, "the sections are model, select"),
        ],
    )
    def test_load_plan_says_where_and_what_was_meant(self, tmp_path: Path, text: str, line: int, hint: str) -> None:
        error = _refused(tmp_path, text)

        assert error.where == f"{tmp_path / 'plan.yaml'}:{line}"
        assert hint in f"{error.why} {error.fix}"

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("task: text\ntask: text", 2),
            ("train:\n  epochs: 3\n  lora_r: 8\n  epochs: 4", 4),
            ("train:\n  lr: 1e-4\n  learning_rate: 2e-4", 3),
            ("train:\n  epochs: 3\nnum_train_epochs: 4", 3),
            ("data: x.csv\ndata.train: y.csv", 2),
        ],
    )
    def test_load_plan_refuses_a_field_given_twice(self, tmp_path: Path, text: str, line: int) -> None:
        error = _refused(tmp_path, text)

        assert "twice" in error.what
        assert error.where.endswith(f":{line}")


class TestValues:
    @pytest.mark.parametrize(
        ("text", "line", "key"),
        [
            ("task: text\ntrain:\n  epochs: -1", 3, "train.epochs"),
            ("task: text\nlr: 99", 2, "train.learning_rate"),
            ("train:\n  lora_rank: yes", 2, "train.lora_r"),
            ("task: sing", 1, "task"),
            ("prepare:\n  max_length: 100\n  actions:\n    leakage: ignore", 3, "prepare.actions"),
            ("data:\n  train: 3", 2, "data.train"),
            ("run: {name: a/b}", 1, "run.name"),
            ("train:\n  learning_rate:\n", 2, "train.learning_rate"),
        ],
    )
    def test_load_plan_says_file_line_and_field_of_a_bad_value(
        self, tmp_path: Path, text: str, line: int, key: str
    ) -> None:
        error = _refused(tmp_path, text)

        assert error.where == f"{tmp_path / 'plan.yaml'}:{line}"
        assert error.what.startswith(f"{key} cannot be")
        assert error.why
        assert error.fix

    @pytest.mark.parametrize("order", ["warmup_steps: 10\n  max_steps: 200", "max_steps: 200\n  warmup_steps: 10"])
    def test_load_plan_converts_warmup_steps_in_any_order(self, tmp_path: Path, order: str) -> None:
        loaded = _load(tmp_path, f"train:\n  {order}")

        assert loaded.plan.train.warmup_ratio == 0.05
        assert loaded.notes == ("warmup_steps 10 of 200 steps is read as train.warmup_ratio 0.05",)

    def test_load_plan_converts_warmup_steps_by_the_final_max_steps(self, tmp_path: Path) -> None:
        text = "train: {warmup_steps: 10, max_steps: 200}"

        assert _load(tmp_path, text, "train.max_steps=20").plan.train.warmup_ratio == 0.5
        assert _load(tmp_path, text, "warmup_steps=50").plan.train.warmup_ratio == 0.25
        assert _load(tmp_path, text, "train.warmup_ratio=0.3").plan.train.warmup_ratio == 0.3
        assert _load(tmp_path, "data: x", "max_steps=100", "warmup_steps=1").plan.train.warmup_ratio == 0.01

    def test_load_plan_takes_no_warmup_without_max_steps(self, tmp_path: Path) -> None:
        assert _load(tmp_path, "train: {warmup_steps: 0}").plan.train.warmup_ratio == 0

    @pytest.mark.parametrize(
        "fields",
        ["warmup_steps: 10", "warmup_steps: 10, max_steps: 10", "warmup_steps: -1, max_steps: 10", "warmup_steps: yes"],
    )
    def test_load_plan_refuses_warmup_steps_that_are_no_share(self, tmp_path: Path, fields: str) -> None:
        error = _refused(tmp_path, f"train: {{{fields}}}")

        assert "warmup_steps" in error.what
        assert "train.warmup_ratio" in error.fix
        assert error.where.endswith("plan.yaml:1")

    def test_load_plan_refuses_two_warmups(self, tmp_path: Path) -> None:
        assert "both given" in _refused(tmp_path, "train: {warmup_steps: 1, max_steps: 9, warmup_ratio: 0.1}").what


class TestOverrides:
    def test_overrides_win_over_the_file_and_later_ones_over_earlier(self, tmp_path: Path) -> None:
        text = "task: text\ntrain: {epochs: 3, lora_r: 8}\ndata: x.csv"

        plan = _load(tmp_path, text, "train.epochs=4", "lr=1e-3", "data=y.csv", "train.epochs=5", "task=generate").plan

        assert (plan.train.epochs, plan.train.lora_r, plan.train.learning_rate) == (5, 8, 1e-3)
        assert (plan.data.train, plan.task) == ("y.csv", "generate")

    @pytest.mark.parametrize(
        ("word", "value"),
        [
            ("train.layers=[3, 4]", (3, 4)),
            ("train.layers=last:4", "last:4"),
            ("train.layers=auto", "find"),
            ("train={layers: auto}", "find"),
            ("train={layers: all}", "all"),
        ],
    )
    def test_override_values_are_yaml(self, word: str, value: object) -> None:
        layers = _from({"train": {"layers": "last:2"}}, word).plan.train.layers

        assert layers == value

    def test_override_can_reopen_the_task(self) -> None:
        assert is_auto(_from({"task": "text"}, "task=auto").plan.task)

    def test_override_value_may_hold_an_equals_sign(self) -> None:
        assert _from({}, "data.system=a=b").plan.data.system == "a=b"

    @pytest.mark.parametrize(
        "word", ["epochs", "=3", "train.epoch=3", "train.epochs=-1", "train.epochs=[", "train.optim=sgd", "train=x.csv"]
    )
    def test_override_mistakes_stand_on_the_command_line(self, tmp_path: Path, word: str) -> None:
        error = _refused(tmp_path, "train:\n  epochs: 3", word)

        assert error.where == "command line"
        assert error.exit_code == 2

    def test_a_long_word_that_is_no_override_is_refused_in_words(self, tmp_path: Path) -> None:
        assert "is not an override" in _refused(tmp_path, "data: {train: a.csv}", "a" * 300).what

    def test_override_aliases_are_said_aloud(self) -> None:
        assert _from({}, "lr=1e-4").notes == ("lr is read as train.learning_rate",)


NAMES = st.text(min_size=1, max_size=20).filter(lambda s: s != "auto")
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "task": st.sampled_from(["classify", "generate", "text"]),
        "model": st.fixed_dictionaries({}, optional={"name": NAMES, "dtype": st.sampled_from(["float32", "bfloat16"])}),
        "data": st.fixed_dictionaries(
            {},
            optional={
                "train": NAMES | st.lists(NAMES, max_size=3),
                "test": st.none() | NAMES,
                "text_column": st.none() | NAMES,
                "system": st.none() | NAMES,
                "limit": st.none() | st.integers(1, 10**9),
            },
        ),
        "prepare": st.fixed_dictionaries(
            {},
            optional={
                "actions": st.dictionaries(NAMES, st.sampled_from(["report", "fix", "drop", "refuse"]), max_size=3),
                "max_length": st.integers(8, 10**6),
            },
        ),
        "train": st.fixed_dictionaries(
            {},
            optional={
                "layers": st.just("all") | st.lists(st.integers(0, 99), max_size=4),
                "learning_rate": st.floats(1e-12, 9.9),
                "epochs": st.floats(0.01, 1000),
                "use_dora": st.booleans(),
                "patience": st.none() | st.integers(1, 9),
                "target_modules": NAMES | st.lists(NAMES, max_size=3),
                "adapter": st.none() | st.dictionaries(NAMES, NAMES | st.booleans() | st.integers(), max_size=2),
            },
        ),
        "evaluate": st.fixed_dictionaries({}, optional={"systems": st.lists(NAMES, max_size=3)}),
    },
)


@settings(max_examples=60)
@given(fields=FIELDS, with_auto=st.booleans())
def test_plan_yaml_reads_back_to_an_equal_plan(
    tmp_path_factory: pytest.TempPathFactory, fields: Any, with_auto: bool
) -> None:
    plan = Plan.model_validate(fields)
    path = tmp_path_factory.getbasetemp() / "round.yaml"

    path.write_text(plan_yaml(plan, with_auto=with_auto), encoding="utf-8")

    loaded = load_plan(path)
    assert loaded.plan == plan
    assert loaded.notes == ()


@pytest.mark.parametrize("separator", ["|", ";", ",", "||"])
def test_a_separator_can_be_typed_as_it_is(separator: str) -> None:
    """In YAML a bar begins a block and a comma begins nothing."""
    typed = plan_from({}, folder=Path(), name="x", overrides=[f"data.label_separator={separator}"])
    assert typed.plan.data.label_separator == separator
