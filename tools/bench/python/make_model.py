"""Writes a ViT-B/16 + BERT-base dual encoder with random weights: `python make_model.py <folder>`."""

import sys

import torch
from transformers import BertConfig, ViTConfig, VisionTextDualEncoderConfig, VisionTextDualEncoderModel

torch.manual_seed(0)
config = VisionTextDualEncoderConfig.from_vision_text_configs(ViTConfig(), BertConfig())
VisionTextDualEncoderModel(config).save_pretrained(sys.argv[1])
