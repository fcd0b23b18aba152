"""Resolve: everything that was left open is decided with a reason, and nothing that was asked for is touched."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.contexts import CLASSIFY, DECODER, ENCODER, GENERATE, INTENTS, LAPTOP, choices_before, with_facts
from tunewright.core.errors import DoesNotFit, PlanError
from tunewright.core.plan import Plan, open_fields
from tunewright.core.values import Choice
from tunewright.decided import choices_as_dicts
from tunewright.model.memory import MemoryPlan
from tunewright.resolve import Context, Resolved, refuse_unsupported, resolve, with_choices

DECODER_MEMORY = MemoryPlan(weights=1, gradients=2, optimizer=3, activations=4, logits=5)
LONG = replace(GENERATE.lengths, p995=1500, longest=1600, lengths=(400,) * 800 + (1600,) * 600)
TEXT = replace(with_facts(GENERATE, task="text"), default_name="notes")
CONTEXTS = {
    "classify": CLASSIFY,
    "classify with a decoder": replace(CLASSIFY, card=DECODER),
    "few rows": with_facts(CLASSIFY, n_rows={"train": 49, "validation": 10, "test": 10}),
    "generate": GENERATE,
    "text": TEXT,
    "gpu": replace(GENERATE, machine=replace(LAPTOP, accelerator="a GPU", accelerator_memory_bytes=24_000_000_000)),
}


def _resolve(context: Context, **asked: Any) -> Resolved:
    given_first = choices_before(context.facts.task, model=context.card.name)
    return resolve(Plan.model_validate(asked), context, given=given_first)


def asked_by(advice: str) -> dict[str, dict[str, Any]]:
    """The fields of an advice, as in `train.batch_size=1 prepare.max_length=64`, by section."""
    asked: dict[str, dict[str, Any]] = {}
    for word in advice.split():
        field, _, value = word.partition("=")
        asked.setdefault(field.partition(".")[0], {})[field.partition(".")[2]] = yaml.safe_load(value)
    return asked


def _reason(resolved: Resolved, field: str) -> str:
    return next(choice.reason for choice in resolved.choices if choice.field == field)


class TestReasons:
    @pytest.mark.parametrize("name", CONTEXTS)
    def test_resolve_leaves_nothing_open_and_gives_every_field_one_choice(self, name: str) -> None:
        resolved = _resolve(CONTEXTS[name])

        assert open_fields(resolved.plan) == ()
        fields = [choice.field for choice in resolved.choices]
        assert len(fields) == len(set(fields))
        assert set(fields) == set(open_fields(Plan()))

    @pytest.mark.parametrize("name", CONTEXTS)
    def test_resolve_says_why_and_names_a_number_where_it_chose_one(self, name: str) -> None:
        resolved = _resolve(CONTEXTS[name])
        given_fields = {choice.field for choice in choices_before(resolved.plan.task, model="m")}

        for choice in resolved.choices:
            if choice.field in given_fields:
                continue
            assert len(choice.reason) > 10, choice
            is_number = isinstance(choice.value, (int, float)) and not isinstance(choice.value, bool)
            if is_number and "nothing is generated" not in choice.reason:
                assert re.search(r"\d", choice.reason), choice

    def test_choices_hold_what_the_plan_holds(self) -> None:
        resolved = _resolve(GENERATE)

        for choice in resolved.choices:
            section, _, name = choice.field.partition(".")
            value = getattr(resolved.plan, section)
            assert (getattr(value, name) if name else value) == choice.value

    def test_choices_as_dicts_are_plain_values(self) -> None:
        assert choices_as_dicts([Choice("evaluate.systems", ("tuned", "base"), "why")]) == [
            {"field": "evaluate.systems", "value": ["tuned", "base"], "reason": "why"}
        ]


class TestAsked:
    def test_resolve_never_overrides_what_was_asked(self) -> None:
        asked = Plan.model_validate(
            {
                "data": {"train": "mine.csv", "text_column": "body"},
                "model": {"name": "my/model", "dtype": "bfloat16"},
                "prepare": {"max_length": 96, "test_fraction": 0.3},
                "train": {
                    "method": "lora",
                    "layers": "last:2",
                    "lora_r": 4,
                    "epochs": 1,
                    "batch_size": 2,
                    "patience": None,
                },
                "evaluate": {"systems": ["tuned"], "primary_metric": "log_loss", "limit": 7},
                "run": {"name": "mine", "device": "cpu", "threads": 1, "seed": 9},
            }
        )
        left = set(open_fields(asked))

        resolved = resolve(asked, CLASSIFY, given=choices_before("classify", model=ENCODER.name))

        assert {choice.field for choice in resolved.choices} == left
        for section in ("data", "model", "prepare", "train", "evaluate", "run"):
            for name, value in getattr(asked, section):
                if f"{section}.{name}" not in left:
                    assert getattr(getattr(resolved.plan, section), name) == value, f"{section}.{name}"

    @settings(max_examples=40)
    @given(
        train=st.fixed_dictionaries(
            {},
            optional={
                "learning_rate": st.floats(1e-6, 1e-2),
                "epochs": st.floats(0.5, 9),
                "batch_size": st.integers(1, 8),
                "lora_r": st.integers(1, 64),
                "lora_alpha": st.floats(1, 99),
                "warmup_ratio": st.floats(0, 0.5),
                "max_steps": st.integers(1, 999),
                "save_steps": st.integers(1, 99),
                "gradient_accumulation_steps": st.integers(1, 8),
            },
        ),
        context=st.sampled_from([CLASSIFY, GENERATE, TEXT]),
    )
    def test_resolve_keeps_any_asked_training_values(self, train: dict[str, Any], context: Context) -> None:
        resolved = _resolve(context, train=train)

        assert {name: getattr(resolved.plan.train, name) for name in train} == train
        assert open_fields(resolved.plan) == ()

    def test_resolve_derives_from_what_was_asked(self) -> None:
        assert _resolve(GENERATE, train={"lora_r": 4}).plan.train.lora_alpha == 8
        assert _resolve(GENERATE, train={"max_steps": 400}).plan.train.save_steps == 20

    def test_with_choices_fills_only_open_fields_and_tells_which(self) -> None:
        asked = Plan.model_validate({"train": {"epochs": 2}})
        offered = (Choice("train.epochs", 9.0, "r"), Choice("train.lora_r", 16, "r"), Choice("task", "text", "r"))

        plan, made = with_choices(asked, offered)

        assert [choice.field for choice in made] == ["train.lora_r", "task"]
        assert (plan.train.epochs, plan.train.lora_r, plan.task) == (2, 16, "text")


class TestRules:
    @pytest.mark.parametrize(
        ("name", "method", "epochs"),
        [
            ("classify", "full", 5),
            ("classify with a decoder", "lora", 3),
            ("few rows", "head", 20),
            ("generate", "lora", 3),
            ("text", "lora", 3),
        ],
    )
    def test_resolve_picks_the_method_by_rows_and_architecture(self, name: str, method: str, epochs: float) -> None:
        train = _resolve(CONTEXTS[name]).plan.train

        assert (train.method, train.epochs) == (method, epochs)

    @pytest.mark.parametrize(("n_rows", "method"), [(49, "head"), (50, "full")])
    def test_resolve_trains_only_the_head_under_fifty_rows(self, n_rows: int, method: str) -> None:
        resolved = _resolve(with_facts(CLASSIFY, n_rows={"train": n_rows, "validation": 9, "test": 9}))

        assert resolved.plan.train.method == method

    def test_resolve_trains_blocks_that_the_plan_names_even_of_few_rows(self) -> None:
        resolved = _resolve(CONTEXTS["few rows"], train={"layers": "last:1"})

        assert resolved.plan.train.method != "head"

    def test_resolve_leaves_blocks_to_be_found_and_says_how(self) -> None:
        resolved = _resolve(CONTEXTS["few rows"], train={"layers": "find"})

        assert (resolved.plan.train.method, resolved.plan.train.layers) == ("full", "find")
        assert "measured on a few rows before training" in _reason(resolved, "train.layers")
        assert resolved.memory == _resolve(CONTEXTS["few rows"], train={"method": "full"}).memory, "any may be found"
        assert _resolve(CLASSIFY).plan.train.layers == "all"

    @pytest.mark.parametrize(("n_parameters", "method"), [(150_000_000, "full"), (150_000_001, "lora")])
    def test_resolve_tunes_small_encoders_whole(self, n_parameters: int, method: str) -> None:
        context = replace(CLASSIFY, card=replace(ENCODER, n_parameters=n_parameters))

        assert _resolve(context).plan.train.method == method

    @pytest.mark.parametrize(
        "train",
        [
            {"lora_r": 8},
            {"lora_alpha": 3},
            {"use_dora": True},
            {"use_pissa": True},
            {"target_modules": "all-linear"},
            {"adapter": {"r": 4}},
        ],
    )
    def test_resolve_takes_lora_when_the_plan_names_what_only_lora_has(self, train: dict[str, Any]) -> None:
        resolved = _resolve(CONTEXTS["few rows"], train=train)

        assert resolved.plan.train.method == "lora"
        assert next(iter(train)) in _reason(resolved, "train.method")

    @pytest.mark.parametrize(("rarest", "metric"), [(23, "f1_macro"), (24, "accuracy")])
    def test_resolve_measures_macro_f1_when_a_class_is_rarer_than_a_fifth(self, rarest: int, metric: str) -> None:
        labels = INTENTS[:5]
        counts = dict.fromkeys(labels[1:], 144) | {labels[0]: rarest}  # average (576 + 24) / 5 = 120, a fifth 24
        resolved = _resolve(with_facts(CLASSIFY, labels=labels, rows_per_label=counts))

        assert resolved.plan.evaluate.primary_metric == metric
        assert "'intent_00'" in _reason(resolved, "evaluate.primary_metric")
        assert str(rarest) in _reason(resolved, "evaluate.primary_metric")

    @pytest.mark.parametrize("context", [GENERATE, TEXT])
    def test_resolve_measures_bits_per_byte_when_text_is_written(self, context: Context) -> None:
        assert _resolve(context).plan.evaluate.primary_metric == "bits_per_byte"

    @pytest.mark.parametrize(
        ("p995", "longest", "expected"),
        [(1, 1, 64), (64, 99, 64), (65, 99, 128), (500, 600, 512), (600, 9000, 512)],
    )
    def test_resolve_keeps_most_rows_whole_within_the_context(self, p995: int, longest: int, expected: int) -> None:
        context = replace(CLASSIFY, lengths=replace(CLASSIFY.lengths, p995=p995, longest=longest))
        resolved = _resolve(context)

        assert resolved.plan.prepare.max_length == expected
        assert ("keeps 99.5 %" in _reason(resolved, "prepare.max_length")) == (p995 <= 512)

    def test_resolve_makes_batches_smaller_until_they_fit(self) -> None:
        whole = _resolve(GENERATE)
        """On a GPU, through which a batch goes whole; a processor takes it in parts of which memory does not grow."""
        gpu = replace(LAPTOP, accelerator="a GPU", accelerator_memory_bytes=8_000_000_000)
        resolved = _resolve(replace(GENERATE, machine=gpu))
        on_cpu = _resolve(replace(GENERATE, machine=replace(LAPTOP, memory_bytes=8_000_000_000)))

        assert whole.plan.train.batch_size == 8
        assert on_cpu.plan.train.batch_size == 8
        assert resolved.plan.train.batch_size in (1, 2, 4)
        assert resolved.memory.total <= 0.9 * 8_000_000_000
        assert "7.2 GB" in _reason(resolved, "train.batch_size")

    @pytest.mark.parametrize(
        ("machine", "device", "dtype"),
        [
            (LAPTOP, "cpu", "float32"),
            (replace(LAPTOP, has_bf16=True), "cpu", "bfloat16"),
            (replace(LAPTOP, accelerator="a GPU", accelerator_memory_bytes=10**10), "cuda", "bfloat16"),
        ],
    )
    def test_resolve_uses_what_the_machine_has(self, machine: Any, device: str, dtype: str) -> None:
        plan = _resolve(replace(GENERATE, machine=machine)).plan

        assert (plan.run.device, plan.model.dtype, plan.run.threads) == (device, dtype, 4)

    def test_resolve_asks_the_processor_for_bfloat16_when_the_plan_leaves_the_gpu_alone(self) -> None:
        gpu = replace(LAPTOP, accelerator="a GPU", accelerator_memory_bytes=10**10)
        plan = _resolve(replace(GENERATE, machine=gpu), run={"device": "cpu"}).plan

        assert plan.model.dtype == "float32"

    @pytest.mark.parametrize(
        ("card", "method", "rate", "source"),
        [
            ({"model_type": "llama", "hidden_size": 2000}, "lora", 5e-4, "tinker-cookbook's fit for Llama"),
            ({"model_type": "qwen3", "hidden_size": 1024}, "lora", 5.3e-4, "tinker-cookbook's fit for Qwen"),
            ({"model_type": "llama", "hidden_size": 4000}, "full", 2.9e-5, "LoRA Without Regret"),
            ({"model_type": "llama", "hidden_size": 576}, "lora", 1e-3, "about 10 times the rate of full tuning"),
        ],
    )
    def test_resolve_takes_the_rate_from_a_source_that_it_names(
        self, card: dict[str, Any], method: str, rate: float, source: str
    ) -> None:
        resolved = _resolve(replace(GENERATE, card=replace(GENERATE.card, **card)), train={"method": method})

        assert resolved.plan.train.learning_rate == rate
        assert source in _reason(resolved, "train.learning_rate")

    @pytest.mark.parametrize(("answer_p95", "expected"), [(0, 32), (100, 128), (128, 160), (4000, 512)])
    def test_resolve_lets_answers_be_a_quarter_longer_than_the_references(self, answer_p95: int, expected: int) -> None:
        context = replace(GENERATE, lengths=replace(GENERATE.lengths, answer_p95=answer_p95))

        assert _resolve(context).plan.evaluate.max_new_tokens == expected

    def test_resolve_says_about_twenty_checkpoints_and_one_validation_an_epoch(self) -> None:
        train = _resolve(CLASSIFY).plan.train  # 9,003 rows in batches of 32: 282 steps an epoch, 1,410 in five

        assert (train.batch_size, train.eval_steps, train.save_steps) == (32, 282, 71)


class TestRefusals:
    @pytest.mark.parametrize(
        ("asked", "where"),
        [
            ({"train": {"method": "full", "lora_r": 8}}, "train.lora_r"),
            ({"train": {"method": "head", "lora_alpha": 8}}, "train.lora_alpha"),
            ({"train": {"method": "full", "use_dora": True}}, "train.use_dora"),
            ({"train": {"method": "head", "layers": "last:1"}}, "train.layers"),
            ({"train": {"method": "head", "layers": "find"}}, "train.layers"),
            ({"train": {"method": "full", "adapter": {"r": 8}}}, "train.adapter"),
            ({"train": {"method": "full", "target_modules": "all-linear"}}, "train.target_modules"),
            ({"prepare": {"max_length": 513}}, "prepare.max_length"),
            ({"run": {"device": "cuda"}}, "run.device"),
        ],
    )
    def test_resolve_refuses_contradictions(self, asked: dict[str, Any], where: str) -> None:
        with pytest.raises(PlanError) as caught:
            _resolve(CLASSIFY, **asked)
        assert caught.value.where == where
        assert caught.value.fix

    def test_resolve_takes_a_gpu_that_it_cannot_see_when_its_memory_is_stated(self) -> None:
        assert _resolve(CLASSIFY, run={"device": "cuda", "memory_limit": "8GB"}).plan.run.device == "cuda"

    def test_resolve_refuses_a_head_where_there_are_no_classes(self) -> None:
        with pytest.raises(PlanError, match="needs classes"):
            _resolve(GENERATE, train={"method": "head"})

    @pytest.mark.parametrize("context", [GENERATE, TEXT])
    def test_resolve_refuses_an_encoder_that_should_write(self, context: Context) -> None:
        with pytest.raises(PlanError, match="cannot write") as caught:
            _resolve(replace(context, card=ENCODER))
        assert caught.value.where == "model.name"

    def test_refuse_unsupported_names_the_field(self) -> None:
        with pytest.raises(PlanError, match="not in this version") as caught:
            refuse_unsupported(Plan.model_validate({"train": {"packing": True}}))
        assert caught.value.where == "train.packing"

    def test_refuse_unsupported_trains_nothing_with_several_seeds_when_another_tools_model_is_measured(self) -> None:
        plan = {"evaluate": {"systems": ["path:/models/theirs", "base"], "seeds": 3}}
        with pytest.raises(PlanError, match="3, and this plan trains nothing") as caught:
            refuse_unsupported(Plan.model_validate(plan))
        assert caught.value.where == "evaluate.seeds"
        refuse_unsupported(Plan.model_validate({"evaluate": {"seeds": 3}}))

    @pytest.mark.parametrize(
        ("field", "value", "near"),
        [("explain.methods", "oclusion", "occlusion"), ("export.targets", "adaptor", "adapter")],
    )
    def test_refuse_unsupported_knows_the_words_of_a_field(self, field: str, value: str, near: str) -> None:
        section, _, name = field.partition(".")
        with pytest.raises(PlanError, match=f"did you mean {near}") as caught:
            refuse_unsupported(Plan.model_validate({section: {name: [value]}}))
        assert caught.value.where == field

    def test_refuse_unsupported_takes_no_empty_word_for_a_file_of_decisions(self) -> None:
        with pytest.raises(PlanError, match=r"prepare\.review names no file") as caught:
            refuse_unsupported(Plan.model_validate({"prepare": {"review": " "}}))
        assert "prepare.review=null" in str(caught.value)

    def test_refuse_unsupported_lets_the_defaults_pass(self) -> None:
        for plan in (Plan(), _resolve(CLASSIFY).plan):
            assert refuse_unsupported(plan) is None, "no error is the whole promise"

    def test_resolve_refuses_what_does_not_fit_and_names_the_bytes(self) -> None:
        with pytest.raises(DoesNotFit) as caught:
            _resolve(GENERATE, run={"memory_limit": "500MB"})

        assert caught.value.have_bytes == 500_000_000
        assert caught.value.need_bytes > 500_000_000
        assert "0.5 GB" in str(caught.value)
        assert caught.value.fix.startswith("run.memory_limit="), "no training of this model fits, and there is more"

    def test_resolve_offers_few_bits_only_below_an_adapter_that_may_have_them(self) -> None:
        for train in ({"method": "full"}, {"use_pissa": True}):
            with pytest.raises(DoesNotFit) as caught:
                _resolve(GENERATE, run={"memory_limit": "1.5GB"}, train=train)
            few = [way.change for way in caught.value.ways if "quantization" in way.change]
            assert all("train.method=lora" in change for change in few)

    @pytest.mark.parametrize("train", [{}, {"method": "full"}, {"lora_r": 64}], ids=str)
    def test_a_plan_that_needs_a_gigabyte_more_is_refused_with_three_ways_that_fit(self, train: dict[str, Any]) -> None:
        """Each way is planned again from nothing, and fits: that is what is promised."""
        long = replace(GENERATE, lengths=LONG)
        asked = {**train, "gradient_checkpointing": False, "batch_size": 8}
        need = _resolve(long, run={"memory_limit": "32GB"}, train=asked).memory.total
        limit = f"{(need - 1e9) / 1e9:.3f}GB"
        with pytest.raises(DoesNotFit) as caught:
            _resolve(long, run={"memory_limit": limit}, train=asked)

        error = caught.value
        assert error.exit_code == 4
        assert error.what.startswith("this training does not fit by 1.0 GB; the largest term is ")
        assert len(error.ways) == 3
        assert error.fix == " or ".join(way.change for way in error.ways)
        for way in error.ways:
            words = asked_by(way.change)
            again = words | {"run": {"memory_limit": limit} | words.get("run", {})}
            again["train"] = {**asked, **words.get("train", {})}
            found = _resolve(long, **again)
            assert max(found.memory.total, way.need_bytes) <= round(1e9 * float(limit.removesuffix("GB")))
            assert way.price
            assert f"{way.change}\n       {way.need_bytes / 1e9:.1f} GB; {way.price}" in str(error)
        assert [way["change"] for way in error.facts()["ways"]] == [way.change for way in error.ways]

    def test_ways_that_fit_are_as_mild_as_they_may_be(self) -> None:
        """One step less of a length, and it does not fit any more."""
        long = replace(GENERATE, lengths=LONG)
        with pytest.raises(DoesNotFit) as caught:
            _resolve(long, run={"memory_limit": "4GB"}, train={"gradient_checkpointing": False})
        way = next(way for way in caught.value.ways if way.change.startswith("prepare.max_length="))
        length = int(way.change.removeprefix("prepare.max_length="))

        longer = {"prepare": {"max_length": length + 64}, "train": {"gradient_checkpointing": False}}
        with pytest.raises(DoesNotFit):
            _resolve(long, run={"memory_limit": "4GB"}, **longer)
        assert way.price == "600 of 1,400 rows are cut (42.9 %)", "800 rows have 400 tokens, 600 have 1,600"

    def test_changes_that_are_not_enough_alone_are_put_together(self) -> None:
        long = replace(GENERATE, lengths=LONG)
        with pytest.raises(DoesNotFit) as caught:
            _resolve(long, run={"memory_limit": "1.2GB"})

        assert all(" " in way.change for way in caught.value.ways if "memory_limit" not in way.change)
        assert any("model.quantization=nf4" in way.change for way in caught.value.ways)

    def test_a_higher_limit_is_a_way_only_where_the_machine_has_it(self) -> None:
        def ways(memory_bytes: int) -> list[str]:
            small = replace(GENERATE, machine=replace(LAPTOP, memory_bytes=memory_bytes))
            with pytest.raises(DoesNotFit) as caught:
                _resolve(small, run={"memory_limit": "700MB"})
            return [way.change for way in caught.value.ways]

        assert [change for change in ways(32_000_000_000) if "memory_limit" in change]
        assert not [change for change in ways(1_000_000_000) if "memory_limit" in change]

    def test_resolve_refuses_a_limit_that_is_more_than_the_machine_has(self) -> None:
        with pytest.raises(PlanError, match=r"this machine has 32\.0 GB") as caught:
            _resolve(GENERATE, run={"memory_limit": "33GB"})

        assert (caught.value.exit_code, caught.value.where) == (2, "run.memory_limit")
        assert _resolve(GENERATE, **asked_by(caught.value.fix.split(",")[0])).plan.run.memory_limit == "28.8GB"

    def test_resolve_calculates_blocks_twice_only_where_the_longest_row_needs_it(self) -> None:
        long = replace(GENERATE, lengths=replace(GENERATE.lengths, p995=7000, longest=8000))
        large = replace(long, machine=replace(LAPTOP, memory_bytes=256_000_000_000))
        tight, roomy = (_resolve(large, run={"memory_limit": limit}) for limit in ("8GB", "200GB"))

        assert tight.plan.train.gradient_checkpointing is True
        assert "a third more time" in _reason(tight, "train.gradient_checkpointing")
        assert roomy.plan.train.gradient_checkpointing is False
        assert tight.memory.activations < roomy.memory.activations / 10

    def test_resolve_asks_what_was_counted_before_any_formula(self) -> None:
        counted = replace(DECODER_MEMORY, activations=7)
        found = _resolve(replace(GENERATE, counted=lambda _plan, _batch_size: counted))

        assert found.memory == counted

    def test_resolve_refuses_a_memory_limit_that_is_no_size(self) -> None:
        with pytest.raises(PlanError, match="not a size"):
            _resolve(GENERATE, run={"memory_limit": "plenty"})
