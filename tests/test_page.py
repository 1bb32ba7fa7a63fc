"""The page of user code in the design, word for word, in an empty folder."""

import contextlib
import io
import runpy

import matplotlib.image

PAGE = """
import jax, fnn
from fnn import data, layers, optim, rules, train

digits = data.digits()                                     # real 8x8 images, no download
net = layers.serial(layers.dense(64), layers.relu(), layers.dropout(0.1), layers.dense(10))

def loss(params, state, batch, key):
    logits, state = net.apply(params, state, batch.x, key=key, train=True)
    return rules.softmax_cross_entropy(logits, batch.y), (state, {"accuracy": fnn.accuracy(logits, batch.y)})

result = train.fit(net, loss, optim.adam(1e-3), digits.train, epochs=30, batch_size=32,
                   key=jax.random.key(0), evaluate=digits.test)
print(fnn.inspect.summary(net, digits.train.x[:1]))        # parameters, FLOPs of both passes, bytes saved, per layer
result.plot("loss.png")
"""


def test_the_page_runs_word_for_word(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.py").write_text(PAGE)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        names = runpy.run_path("page.py")
    lines = printed.getvalue().splitlines()
    assert lines[0].split() == [
        "layer",
        "output",
        "parameters",
        *["forward", "FLOPs", "backward", "FLOPs"],
        "bytes",
        "kept",
    ]
    assert [line.split()[0] for line in lines if line.startswith(("serial", "total"))] == [
        "serial[0].dense",
        "serial[1].relu",
        "serial[2].dropout",
        "serial[3].dense",
        "total",
    ]
    assert f"{64 * 64 + 64 + 64 * 10 + 10:,}" in lines[-1]
    history = names["result"].history
    assert len(history.rows) == 30 and history.rows[-1]["test_accuracy"] > 0.95
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert matplotlib.image.imread(tmp_path / "loss.png").std() > 0.05
