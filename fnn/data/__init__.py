"""Data for training: real images, small built-in sets, and what is done to them before training."""

from fnn.data.download import DownloadError as DownloadError
from fnn.data.examples import Dataset as Dataset
from fnn.data.examples import Examples as Examples
from fnn.data.examples import check_examples as check_examples
from fnn.data.idx import read_idx as read_idx
from fnn.data.images import digits as digits
from fnn.data.images import fashion_mnist as fashion_mnist
from fnn.data.images import mnist as mnist
from fnn.data.logic import and_gate as and_gate
from fnn.data.logic import nand_gate as nand_gate
from fnn.data.logic import nor_gate as nor_gate
from fnn.data.logic import not_gate as not_gate
from fnn.data.logic import or_gate as or_gate
from fnn.data.logic import truth_table as truth_table
from fnn.data.logic import xnor_gate as xnor_gate
from fnn.data.logic import xor_gate as xor_gate
from fnn.data.prepare import Scaling as Scaling
from fnn.data.prepare import Standardised as Standardised
from fnn.data.prepare import one_hot as one_hot
from fnn.data.prepare import standardise as standardise
from fnn.data.prepare import train_test_split as train_test_split
from fnn.data.toys import circles as circles
from fnn.data.toys import gaussians as gaussians
from fnn.data.toys import spirals as spirals
from fnn.data.toys import two_moons as two_moons
from fnn.data.toys import xor_clouds as xor_clouds
