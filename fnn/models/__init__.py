"""Named networks, built from layers and nothing else: read one to see how to write your own."""

from fnn.models.all_conv import all_conv as all_conv
from fnn.models.char_rnn import char_rnn as char_rnn
from fnn.models.encoder_decoder import EncoderDecoder as EncoderDecoder
from fnn.models.encoder_decoder import EncoderDecoderState as EncoderDecoderState
from fnn.models.encoder_decoder import encoder_decoder as encoder_decoder
from fnn.models.generate import generate as generate
from fnn.models.gpt import GPT as GPT
from fnn.models.gpt import GPTState as GPTState
from fnn.models.gpt import gpt as gpt
from fnn.models.gpt import gpt_head as gpt_head
from fnn.models.gpt2_weights import read_gpt2 as read_gpt2
from fnn.models.gpt2_weights import write_gpt2 as write_gpt2
from fnn.models.lenet import lenet as lenet
from fnn.models.mlp import mlp as mlp
from fnn.models.resnet import resnet as resnet
from fnn.models.resnet import resnet18 as resnet18
from fnn.models.resnet import resnet34 as resnet34
from fnn.models.resnet import resnet50 as resnet50
from fnn.models.resnet_weights import read_resnet as read_resnet
from fnn.models.resnet_weights import write_resnet as write_resnet
from fnn.models.unet import unet as unet
from fnn.models.vgg import vgg as vgg
from fnn.models.vgg import vgg11 as vgg11
from fnn.models.vgg import vgg16 as vgg16
