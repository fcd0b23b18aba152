"""Column names that people use, by what they mean.

In: a column name. Out: whether it is a known one. Its own file because both the header test and the detection of
columns read the same lists. Sources: the most frequent column names of public text data sets (Hugging Face hub,
Kaggle), and the formats of OpenAI fine-tuning, Alpaca, ShareGPT, Dolly and TRL.
"""

from __future__ import annotations

import re

TEXT = (
    "text", "message", "utterance", "tweet", "review", "review_text", "query", "sentence", "title", "question",
    "content", "body", "comment", "document", "post", "description", "note", "transcript", "sms", "email",
    "input", "dialogue", "dialog", "abstract", "article", "passage", "headline", "q", "prompt", "instruction",
)  # fmt: skip
LABEL = (
    "label", "labels", "intent", "category", "class", "target", "sentiment", "topic", "emotion", "tag", "label_text",
    "label_name", "classification", "polarity", "stars", "rating", "department", "priority", "type", "status", "y",
    "output", "gold", "gold_label", "category_name", "intent_name", "section_header", "is_spam", "spam", "diagnosis",
    "tags", "topics", "categories", "genres", "emotions", "intents",
)  # fmt: skip
NUMBER = (
    "score", "number", "value", "price", "grade", "mark", "amount", "similarity", "points", "target_value", "y_true",
)  # fmt: skip
"""Names that say "this is to be predicted" of a column of numbers, beside those of LABEL."""
STRONG_LABEL = ("label", "labels", "intent", "class", "sentiment", "category", "label_text", "label_name")
"""Names that say "this is what to predict", so that few repetitions are enough."""
PAIRS: tuple[tuple[str, str], ...] = (
    ("prompt", "completion"), ("prompt", "response"), ("prompt", "answer"), ("prompt", "output"),
    ("prompt", "chosen"), ("instruction", "output"), ("instruction", "response"), ("instruction", "completion"),
    ("instruction", "answer"), ("question", "answer"), ("question", "response"), ("query", "response"),
    ("query", "answer"), ("input", "output"), ("input", "response"), ("input", "target"), ("input", "completion"),
    ("source", "target"), ("src", "tgt"), ("document", "summary"), ("article", "highlights"), ("article", "summary"),
    ("dialogue", "summary"), ("dialog", "summary"), ("text", "summary"), ("user", "assistant"), ("user", "bot"),
    ("question", "long_answer"), ("question", "final_decision"), ("dialogue", "section_text"), ("q", "a"),
    ("context", "response"), ("message", "reply"), ("message", "response"), ("text", "completion"),
    ("context", "answer"), ("problem", "solution"), ("inputs", "targets"), ("text", "translation"),
    ("original", "corrected"), ("text", "answer"), ("customer", "agent"),
)  # fmt: skip
"""Prompt and answer, the most telling pair first."""
STRONG_PROMPT = ("prompt", "instruction")
"""Names that say "this is what the model is asked": such a pair wins over a column of few values beside it."""
INPUT = ("input", "context", "inputs")
"""What an instruction is about; stands below it in the prompt."""
MESSAGES = ("messages", "conversations", "conversation", "dialog", "dialogue", "turns", "chat", "context")
GROUP = (
    "group", "group_id", "patient_id", "conversation_id", "user_id", "customer_id", "thread_id", "session_id",
    "dialog_id", "dialogue_id", "client_id", "account_id", "author_id", "author", "subject_id", "student_id",
    "document_id", "doc_id", "case_id", "ticket_id", "speaker_id", "speaker", "patient", "customer", "user", "username",
    "thread", "conversation", "session", "family_id", "household_id", "source_id", "template_id", "parent_id",
)  # fmt: skip
OTHER = ("id", "idx", "index", "uuid", "date", "time", "timestamp", "created_at", "url", "name", "source", "split",
         "lang", "language", "score", "weight", "answer", "response", "completion", "summary", "target", "tags",
         "row", "email", "subject", "user", "system", "key", "value", "metadata", "no", "nr")  # fmt: skip

_SPLIT = re.compile(r"[\s\-]+")


def plain(name: str) -> str:
    """The name as the lists spell it; of a nested name the last part.

    >>> plain(" Customer-ID "), plain("instances.output")
    ('customer_id', 'output')
    """
    spelled = _SPLIT.sub("_", name.strip()).lower()
    return spelled.rsplit(".", 1)[-1]


KNOWN = frozenset({*TEXT, *LABEL, *GROUP, *MESSAGES, *INPUT, *OTHER, *(name for pair in PAIRS for name in pair)})


def is_known(name: str) -> bool:
    return plain(name) in KNOWN
