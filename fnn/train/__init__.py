"""Training: a pure step, epochs of them in one program, and fit, which runs, shows and keeps."""

from fnn.train.evaluate import evaluate as evaluate
from fnn.train.evaluate import predict as predict
from fnn.train.failures import Interrupted as Interrupted
from fnn.train.failures import NonFiniteError as NonFiniteError
from fnn.train.fit import fit as fit
from fnn.train.history import History as History
from fnn.train.metrics import accuracy as accuracy
from fnn.train.metrics import confusion_matrix as confusion_matrix
from fnn.train.metrics import default_metrics as default_metrics
from fnn.train.metrics import intersection_over_union as intersection_over_union
from fnn.train.metrics import mean_squared_error as mean_squared_error
from fnn.train.metrics import top_k_accuracy as top_k_accuracy
from fnn.train.recorders import json_lines as json_lines
from fnn.train.recorders import tensorboard as tensorboard
from fnn.train.result import Best as Best
from fnn.train.result import Result as Result
from fnn.train.step import TrainState as TrainState
from fnn.train.step import start as start
from fnn.train.step import step as step
from fnn.train.stopping import below as below
from fnn.train.stopping import change_below as change_below
from fnn.train.stopping import patience as patience
from fnn.train.tapped import tapped_step as tapped_step
