"""One of the two processes of `test_two_processes_train_as_one_does` that train a codec."""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from footfall_engine.training.codec_training import CodecTrainer
from footfall_engine.training.crew import gathered

from tests.engine.neural.multifoley.test_codec_training import RECIPE, SHAPE, Tones

torch.set_num_threads(1)
with gathered(torch.device("cpu")) as crew:
    CodecTrainer(SHAPE, replace(RECIPE, steps=2), crew).run(Tones(), Path(sys.argv[1]))
