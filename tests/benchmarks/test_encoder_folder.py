"""The encoder that other servers get is the bundle's: its weights, multiplied out."""

import json
from pathlib import Path

import numpy as np
import pytest

from critech import Classifier
from critech.bundle import read_bundle

pytest.importorskip("onnx")
safetensors = pytest.importorskip("safetensors.torch")
transformers = pytest.importorskip("transformers")


def test_the_folder_gives_the_vectors_of_the_bundle(classifier: Classifier, tmp_path: Path) -> None:
    import torch
    from tokenizers import Tokenizer

    from harness.texts import abstracts
    from others.encoder_folder import write_folder

    write_folder(read_bundle(), tmp_path)
    config = transformers.BertConfig(**json.loads((tmp_path / "config.json").read_text()))
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    missing, unexpected = model.load_state_dict(
        safetensors.load_file(tmp_path / "model.safetensors"), strict=False
    )
    assert not unexpected
    assert not [name for name in missing if "position_ids" not in name]
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in abstracts(4):
        ids = tokenizer.encode(f"query: {text}").ids
        encoder = classifier.scorer.encoder
        assert [ids] == encoder.framed(encoder.token_ids(text)).tolist()
        with torch.inference_mode():
            mean = model(torch.tensor([ids])).last_hidden_state.mean(1)[0].numpy()
        assert np.dot(mean / np.linalg.norm(mean), encoder.embed(text).vector) > 0.985
