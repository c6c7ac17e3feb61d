"""PyTorch's side of training.mjs: `python time_training.py <threads> <configs>`, then a line of JSON for each request.

A request is {"work": "text" | "both" | "lit", "batch": n, "warm": n, "steps": n, "attention": "eager" | "sdpa", "bfloat16":
bool}, `warm` of steps before those that count; the answer {"ms": t, "cpu": t, "peak": MB} for a step: forward, CLIP's loss,
backward, clipping, AdamW; dropout on. Of `text` the image embeddings are fixed; of `lit` both towers begin at their
boundaries, with the class token and a quarter of the patches.
"""

import json
import resource
import sys
import time

import torch
from transformers import AutoConfig, AutoModel, logging

logging.set_verbosity_error()
torch.set_num_threads(int(sys.argv[1]))
LENGTH = 16
WORKS = json.loads(sys.argv[2])
NORMALIZE = torch.nn.functional.normalize


def model_of(config, attention):
    kind = config["model_type"]
    made = AutoConfig.for_model(kind, **{k: v for k, v in config.items() if k != "model_type"})
    made._attn_implementation = attention
    return AutoModel.from_config(made).train()


class Run:
    def __init__(self, work, attention, batch):
        torch.manual_seed(0)
        self.work = work
        self.tower = model_of(WORKS["text_config"], attention)
        size = WORKS["text_config"]["hidden_size"]
        self.projection = torch.nn.Linear(size, 384, bias=False)
        self.scale = torch.nn.Parameter(torch.tensor(2.6592))
        parameters = [*self.projection.parameters(), self.scale]
        self.images = NORMALIZE(torch.randn(batch, 384), dim=-1)
        self.ids = torch.randint(0, 30522, (batch, LENGTH))
        self.mask = torch.ones_like(self.ids)
        if work != "text":
            vision = WORKS["vision_config"]
            self.vision = model_of(vision, attention)
            self.visual_projection = torch.nn.Linear(vision["hidden_size"], 384, bias=False)
            parameters += self.visual_projection.parameters()
        if work == "lit":
            self.text_layers, self.layers = self.tower.encoder.layer[-2:], self.layers_of(self.vision)[-3:]
            trained = [*self.text_layers, self.tower.pooler, *self.layers, self.vision.layernorm]
            parameters += [p for part in trained for p in part.parameters()]
            self.below = torch.randn(batch, LENGTH, size), torch.randn(batch, 17, vision["hidden_size"])
        else:
            parameters += self.tower.parameters()
        if work == "both":
            parameters += self.vision.parameters()
            self.pixels = torch.randn(batch, 3, vision["image_size"], vision["image_size"])
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": 0.1},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.parameters = parameters
        self.optimizer = torch.optim.AdamW(groups, lr=1e-4)

    @staticmethod
    def layers_of(model):
        return next(m for m in model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) > 1)

    @staticmethod
    def through(layers, x):
        for layer in layers:
            x = layer(x)
            x = x[0] if isinstance(x, tuple) else x
        return x

    def embeds(self):
        """Of texts and pictures, of any length."""
        if self.work == "text":
            pooled = self.tower(input_ids=self.ids, attention_mask=self.mask).pooler_output
            return self.projection(pooled), self.images
        if self.work == "both":
            pooled = self.tower(input_ids=self.ids, attention_mask=self.mask).pooler_output
            return self.projection(pooled), self.visual_projection(self.vision(self.pixels).pooler_output)
        text, image = self.below
        pooled = self.tower.pooler(self.through(self.text_layers, text))
        first = self.vision.layernorm(self.through(self.layers, image))[:, 0]
        return self.projection(pooled), self.visual_projection(first)

    def step(self, bfloat16):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            texts, images = self.embeds()
        texts, images = NORMALIZE(texts.float(), dim=-1), NORMALIZE(images.float(), dim=-1)
        logits = self.scale.exp() * texts @ images.T
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
    key = (request["work"], request["attention"], request["batch"])
    run = runs.setdefault(key, Run(*key)) if key not in runs else runs[key]
    for _ in range(request["warm"]):
        run.step(request.get("bfloat16", False))
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(request["steps"]):
        run.step(request.get("bfloat16", False))
    steps = request["steps"]
    answer = {"ms": (time.perf_counter() - start) * 1000 / steps, "cpu": (time.process_time() - cpu) * 1000 / steps}
    answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(answer), flush=True)
