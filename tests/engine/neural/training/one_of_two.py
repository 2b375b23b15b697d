"""One of the two processes of `test_two_processes_train_as_one_does`."""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from footfall_engine.training.crew import gathered

from tests.engine.neural.training.small import RECIPE, rendered, trainer

torch.set_num_threads(1)
with gathered(torch.device("cpu")) as crew:
    trainer(replace(RECIPE, steps=3), crew).run(rendered(), Path(sys.argv[1]))
