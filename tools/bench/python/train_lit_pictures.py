"""PyTorch's side of lit-pictures.mjs: `python train_lit_pictures.py <folder> <threads> <steps> <dropout>`, then a line of JSON
for each request.

`<folder>` holds the model as the run begins with it; `<steps>` are those that the schedule is laid out for. A request is
{"attention": "eager" | "sdpa", "batches": [files]}; the answer {"losses": [...], "norms": [...], "ms": t, "cpu": t}, times of
the steps alone: the batches are read before. What a batch holds entered our own step: what the locked image tower gives, and
the captions as they enter the tuned layers, from the trainer's cache. Each kind of attention has a model of its own.
"""

import json
import math
import sys
import time

import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel, logging

logging.set_verbosity_error()
FOLDER, THREADS, STEPS, DROPOUT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "true"
torch.set_num_threads(THREADS)
torch.manual_seed(0)
NORMALIZE = torch.nn.functional.normalize
WARMUP = round(0.04 * STEPS)
END = 0.02


class Given(torch.nn.Module):
    """In place of embeddings: what enters the lowest layer that there is."""

    def forward(self, inputs_embeds, **_):
        return inputs_embeds


def rate(step):
    if step < WARMUP:
        return (step + 1) / WARMUP
    return END + (1 - END) * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))) / 2


class Run:
    def __init__(self, attention):
        weights = load_file(f"{FOLDER}/model.safetensors")
        with open(f"{FOLDER}/config.json") as file:
            config = BertConfig(**json.load(file)["text_config"], attn_implementation=attention)
        self.text = BertModel(config)
        tower = {name[len("text_model.") :]: value for name, value in weights.items() if name.startswith("text_model.")}
        wrong = self.text.load_state_dict(tower, strict=False)
        assert not wrong.missing_keys, wrong
        self.text.embeddings = Given()
        self.text.encoder.layer = self.text.encoder.layer[-2:]
        self.text.train(DROPOUT)
        self.visual, self.textual = [torch.nn.Parameter(weights[f"{side}_projection.weight"]) for side in ("visual", "text")]
        self.scale = torch.nn.Parameter(weights["logit_scale"])
        tower = list(self.text.parameters())
        groups = [
            {"params": [p for p in tower if p.ndim >= 2], "lr": 2e-4},
            {"params": [p for p in tower if p.ndim < 2], "lr": 2e-4, "weight_decay": 0.0},
            {"params": [self.visual, self.textual]},
            {"params": [self.scale], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.1)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, rate)
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.means = [p.detach().clone() for p in self.parameters]
        self.done = 0

    def step(self, batch):
        images = NORMALIZE(batch["images"] @ self.visual.T, dim=-1)
        pooled = self.text(inputs_embeds=batch["texts"], attention_mask=batch["mask"]).pooler_output
        texts = NORMALIZE(pooled @ self.textual.T, dim=-1)
        logits = self.scale.exp() * texts @ images.T
        targets = batch["positives"] / batch["positives"].sum(1, keepdim=True)
        cross_entropy = torch.nn.functional.cross_entropy
        loss = (cross_entropy(logits, targets) + cross_entropy(logits.T, targets)) / 2
        self.optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.done += 1
        with torch.no_grad():
            self.scale.clamp_(0, math.log(100))
            torch._foreach_lerp_(self.means, self.parameters, 1 - min(0.99, (1 + self.done) / (10 + self.done)))
        return loss.item(), norm.item()


runs = {}
for line in sys.stdin:
    request = json.loads(line)
    attention = request["attention"]
    run = runs[attention] if attention in runs else runs.setdefault(attention, Run(attention))
    batches = [load_file(file) for file in request["batches"]]
    start, cpu = time.perf_counter(), time.process_time()
    done = [run.step(batch) for batch in batches]
    ms, cpu = [(end - begin) * 1000 / len(done) for begin, end in ((start, time.perf_counter()), (cpu, time.process_time()))]
    losses, norms = zip(*done)
    print(json.dumps({"losses": losses, "norms": norms, "ms": ms, "cpu": cpu}), flush=True)
