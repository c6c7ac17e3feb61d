"""PyTorch's own ONNX export of both encoders of a checkpoint: `python export_onnx.py <checkpoint> <folder>`."""

import sys
from pathlib import Path

import torch
from transformers import VisionTextDualEncoderModel

checkpoint, folder = sys.argv[1], Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
model = VisionTextDualEncoderModel.from_pretrained(checkpoint).eval()


class Vision(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.tower, self.projection = model.vision_model, model.visual_projection

    def forward(self, pixel_values):
        return self.projection(self.tower(pixel_values=pixel_values).pooler_output)


class Text(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.tower, self.projection = model.text_model, model.text_projection

    def forward(self, input_ids, attention_mask):
        return self.projection(self.tower(input_ids=input_ids, attention_mask=attention_mask).pooler_output)


def export(module, inputs, name, axes):
    torch.onnx.export(
        module, tuple(inputs.values()), folder / f"{name}.onnx", input_names=list(inputs), output_names=["features"],
        dynamic_axes={key: axes for key in inputs}, opset_version=17, dynamo=False,
    )


with torch.inference_mode():
    export(Vision(), {"pixel_values": torch.randn(2, 3, 224, 224)}, "vision", {0: "batch"})
    ids = torch.randint(0, 30522, (2, 16))
    export(Text(), {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, "text", {0: "batch", 1: "length"})
