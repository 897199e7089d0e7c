"""The sentence encoder's blocks in `deep`: the same numbers as the library's, from vectors of whole words."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace
from torch.nn import functional
from transformers import BertConfig, BertModel

from streamer.network import contract
from streamer.network.sentences import WIDTH, SentenceEncoder
from tools.training import sentences

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##happy", "glad", "day", "the", "##s", "?", "happy"]
VOCABULARY = ["unhappy", "glad", "days", "the", "?", "happy", "ungladly"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BertModel]:
    folder = tmp_path_factory.mktemp("sentences")
    torch.manual_seed(0)
    model = BertModel(
        BertConfig(vocab_size=len(PIECES), hidden_size=WIDTH, num_hidden_layers=2, intermediate_size=1536)
    )
    for values in model.parameters():
        torch.nn.init.normal_(values, std=0.05)
    model.train(mode=False).save_pretrained(folder / sentences.ENCODER)
    cutter = Tokenizer(WordPiece({piece: i for i, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    cutter.pre_tokenizer = Whitespace()
    cutter.save(str(folder / sentences.ENCODER / "tokenizer.json"))
    return folder, model


def filled(folder: Path) -> tuple[SentenceEncoder, torch.Tensor]:
    """An encoder whose latent words are the blocks' own output, normed, and the rows of the vocabulary."""
    start = sentences.MiniLM(folder, 2)
    encoder = SentenceEncoder(WIDTH, 2).eval()
    start.fill(encoder, start.start(VOCABULARY))
    with torch.no_grad():
        encoder.leave.weight.copy_(torch.eye(WIDTH)[..., None])
        encoder.leave.bias.zero_()  # type: ignore[union-attr]  # it has one
    kept, rows = start.known(VOCABULARY)
    assert kept == VOCABULARY
    assert rows.shape == (len(VOCABULARY), contract.WORD_DIMS)
    return encoder, torch.from_numpy(rows)


def test_blocks_make_of_words_what_the_library_makes_of_the_mean_of_their_pieces(
    library: tuple[Path, BertModel],
) -> None:
    folder, model = library
    encoder, rows = filled(folder)
    pieces = model.embeddings.word_embeddings.weight
    said = [0, 2, 3, 5]
    means = torch.stack([pieces[ids].mean(dim=0) for ids in ([4, 5], [7, 9], [8], [11])])[None]
    place = torch.arange(contract.N_WORDS - len(said), contract.N_WORDS)[None] + sentences.FIRST_PLACE
    with torch.no_grad():
        wanted = model(inputs_embeds=means, position_ids=place).last_hidden_state
        found = encoder(rows[said].t()[None], torch.ones(1, len(said), dtype=torch.bool))
    wanted = functional.layer_norm(wanted, (WIDTH,), eps=1e-5)
    torch.testing.assert_close(found, wanted.transpose(1, 2), atol=2e-3, rtol=2e-3)


def test_masked_words_say_nothing_and_a_short_window_says_what_a_long_one_does(
    library: tuple[Path, BertModel],
) -> None:
    encoder, rows = filled(library[0])
    words = torch.zeros(1, contract.WORD_DIMS, contract.N_WORDS)
    words[..., -4:] = rows[:4].t()
    mask = torch.zeros(1, contract.N_WORDS, dtype=torch.bool)
    mask[:, -4:] = True
    mask[:, -2] = False
    with torch.no_grad():
        whole = encoder(words, mask)
        words[..., -2] = 99.0
        words[..., :-4] = -99.0
        torch.testing.assert_close(encoder(words, mask), whole)
        torch.testing.assert_close(encoder(words[..., -4:], mask[:, -4:]), whole[..., -4:], atol=1e-5, rtol=1e-5)
        assert not whole[~mask[:, None].expand_as(whole)].any()
        assert not encoder(words, torch.zeros_like(mask)).any()


def test_few_axes_keep_what_words_differ_by_most(library: tuple[Path, BertModel]) -> None:
    start = sentences.MiniLM(library[0], 2).start(VOCABULARY, 2)
    assert start.vectors.shape == (len(VOCABULARY), 2)
    assert start.vectors.std() == pytest.approx(1.0, abs=1e-4)
    whole = sentences.MiniLM(library[0], 2).start(VOCABULARY)
    exact = whole.vectors @ whole.axes
    lost = np.square(start.vectors @ start.axes - exact).sum()
    values = np.linalg.svd(exact, compute_uv=False)
    assert lost == pytest.approx(np.square(values[2:]).sum(), rel=1e-3)
