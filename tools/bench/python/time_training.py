"""PyTorch's side of training.mjs: `python time_training.py <threads>`, then a line of JSON for each request.

A request is {"batch": n, "steps": n, "attention": "eager" | "sdpa", "bfloat16": bool}; the answer {"ms": t, "cpu": t} for a
step: forward, CLIP's loss against fixed image embeddings, backward, clipping, AdamW; dropout on.
"""

import json
import sys
import time

import torch
from transformers import BertConfig, BertModel, logging

logging.set_verbosity_error()
torch.set_num_threads(int(sys.argv[1]))
LENGTH, WARM = 16, 3


class Run:
    def __init__(self, attention, batch):
        torch.manual_seed(0)
        config = BertConfig(
            hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, vocab_size=30522
        )
        config._attn_implementation = attention
        self.tower = BertModel(config).train()
        self.projection = torch.nn.Linear(384, 384, bias=False)
        self.scale = torch.nn.Parameter(torch.tensor(2.6592))
        parameters = [*self.tower.parameters(), *self.projection.parameters(), self.scale]
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": 0.1},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.parameters = parameters
        self.optimizer = torch.optim.AdamW(groups, lr=1e-4)
        self.images = torch.nn.functional.normalize(torch.randn(batch, 384), dim=-1)
        self.ids = torch.randint(0, 30522, (batch, LENGTH))
        self.mask = torch.ones_like(self.ids)

    def step(self, bfloat16):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            pooled = self.tower(input_ids=self.ids, attention_mask=self.mask).pooler_output
            texts = self.projection(pooled)
        texts = torch.nn.functional.normalize(texts.float(), dim=-1)
        logits = self.scale.exp() * texts @ self.images.T
        target = torch.arange(len(logits))
        loss = (torch.nn.functional.cross_entropy(logits, target) + torch.nn.functional.cross_entropy(logits.T, target)) / 2
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        with torch.no_grad():
            self.scale.clamp_(0, 4.6052)
        return loss.item()


runs = {}
for line in sys.stdin:
    request = json.loads(line)
    key = (request["attention"], request["batch"])
    run = runs.setdefault(key, Run(*key)) if key not in runs else runs[key]
    for _ in range(WARM):
        run.step(request.get("bfloat16", False))
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(request["steps"]):
        run.step(request.get("bfloat16", False))
    steps = request["steps"]
    answer = {"ms": (time.perf_counter() - start) * 1000 / steps, "cpu": (time.process_time() - cpu) * 1000 / steps}
    print(json.dumps(answer), flush=True)
