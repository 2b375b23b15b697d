"""Words and T5."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")
pytest.importorskip("transformers", reason="neural models need the 'neural' extra")

from footfall_bridge.errors import WeightsMissing  # noqa: E402
from footfall_engine.models.multifoley.text import T5Text, WordText, vocabulary, words_of  # noqa: E402


def test_a_vocabulary_is_the_words_of_its_texts():
    assert vocabulary(["Hammer on metal, high quality", "a ball; high quality"]) == (
        "a", "ball", "hammer", "high", "metal", "on", "quality",
    )  # fmt: skip


def test_words_are_read_whatever_their_case_and_language():
    assert words_of("Das Öl_Faß knallt: 2×!") == ["das", "öl", "faß", "knallt", "2"]


def test_words_that_were_never_learnt_are_passed_over():
    text = WordText(["ball", "hammer"], 4)
    tokens, mask = text(["a hammer!", "ball BALL hammer", "", "wind"])
    assert tokens.shape == (4, 3, 4)
    assert mask.tolist() == [[True, False, False], [True] * 3, [False] * 3, [False] * 3]
    torch.testing.assert_close(tokens[0, 0], text.vectors.weight[1])
    assert text.unknown("wind on a ball") == ["wind", "on", "a"]


def test_no_text_at_all_has_no_tokens():
    tokens, mask = WordText(["ball"], 4)(["", "unknown"])
    assert tokens.shape == (2, 0, 4)
    assert mask.shape == (2, 0)


def test_words_learn():
    text = WordText(["ball", "hammer"], 4)
    text(["ball"])[0].sum().backward()
    assert text.vectors.weight.grad is not None
    assert text.vectors.weight.grad.abs().sum(1).bool().tolist() == [True, False]


def write_t5(folder: Path, whole: bool = False) -> None:
    """A T5 of toy size with a vocabulary of whole words; `whole`, as the hub has it: with its decoder."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel, T5ForConditionalGeneration

    words = ["<pad>", "</s>", "<unk>", "ball", "hammer", "high", "quality", ","]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    torch.manual_seed(0)
    config = T5Config(vocab_size=8, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    (T5ForConditionalGeneration if whole else T5EncoderModel)(config).save_pretrained(folder)
    named = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder)


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory) -> T5Text:
    folder = tmp_path_factory.mktemp("t5")
    write_t5(folder)
    return T5Text.in_folder(folder)


def test_t5_is_read_as_the_hub_has_it(tmp_path):
    write_t5(tmp_path, whole=True)
    found = T5Text.in_folder(tmp_path)
    tokens, _ = found(["ball"])
    assert torch.isfinite(tokens).all()
    from safetensors.torch import load_file

    theirs = load_file(tmp_path / "model.safetensors")["shared.weight"]
    torch.testing.assert_close(found.encoder.get_input_embeddings().weight, theirs)


def test_t5_reads_texts_of_any_length_and_none(t5):
    tokens, mask = t5(["ball", "", "hammer, high quality"])
    assert tokens.shape == (3, 5, 16)  # with its end of text
    assert mask.sum(1).tolist() == [2, 0, 5]
    assert t5.width == 16
    assert not tokens.requires_grad


def test_t5_reads_a_text_the_same_whatever_stands_beside_it(t5):
    alone, mask = t5(["ball"])
    beside, _ = t5(["hammer, high quality", "ball"])
    torch.testing.assert_close(beside[1, : mask.sum()], alone[0])


def test_t5_reads_no_text_alone(t5):
    tokens, mask = t5(["", " "])
    assert tokens.shape == (2, 0, 16)
    assert not mask.any()


def test_t5_cuts_what_is_too_long(t5):
    _, mask = t5(["ball " * 500])
    assert mask.sum() == 128


def test_t5_that_is_not_there_is_said(tmp_path):
    with pytest.raises(WeightsMissing, match=r"config\.json"):
        T5Text.in_folder(tmp_path / "t5-base")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5", "d_model": 16}))
    with pytest.raises(WeightsMissing, match="weights"):
        T5Text.in_folder(tmp_path)


def test_t5_without_its_tokenizer_is_said(tmp_path):
    write_t5(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(WeightsMissing, match="no tokenizer of T5"):
        T5Text.in_folder(tmp_path)
