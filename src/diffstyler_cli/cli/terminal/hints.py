"""Options that people know from other tools, and the ones here that do it. None of them is a silent alias."""

from __future__ import annotations

from collections.abc import Collection

_CFG = "Did you mean --prompt-weight (how hard the prompt pulls) or --guidance-scale (how hard the losses do)?"
_SIZE = "Did you mean --size N? The picture keeps the photo's shape; N x N is its area in pixels."
_QUIETER = "-q says less; --log-file FILE writes down every step, --debug shows tracebacks."

HINTS: dict[str, str] = {
    "--input": "The photo needs no option: diffstyler {command} photo.png ...",
    "-i": "The photo needs no option: diffstyler {command} photo.png ...",
    "--image": "The photo needs no option: diffstyler {command} photo.png ...",
    "--init-img": "The photo needs no option: diffstyler {command} photo.png ...",
    "--output-dir": "Did you mean -o DIR? A folder that is there takes the pictures.",
    "--outdir": "Did you mean -o DIR? A folder that is there takes the pictures.",
    "--out": "Did you mean -o PATH?",
    "--width": _SIZE,
    "--height": _SIZE,
    "-W": _SIZE,
    "-H": _SIZE,
    "--resolution": _SIZE,
    "--cfg": _CFG,
    "--cfg-scale": _CFG,
    "--scale": _CFG,
    "--guidance": _CFG,
    "--negative-prompt": 'A prompt with a weight below 0 pushes away: "blurry:-1".',
    "--num-steps": "Did you mean --steps?",
    "--num-inference-steps": "Did you mean --steps?",
    "--iterations": "Did you mean --steps (of sampling) or --noise-iters (of the learnable noise)?",
    "--iters": "Did you mean --steps (of sampling) or --noise-iters (of the learnable noise)?",
    "--sampler": "Did you mean --solver?",
    "--scheduler": "Did you mean --solver?",
    "--gpu": "Did you mean --device cuda? It is taken by itself where there is one.",
    "--cuda": "Did you mean --device cuda? It is taken by itself where there is one.",
    "--cpu": "Did you mean --device cpu?",
    "--fp16": "Did you mean --dtype fp16?",
    "--half": "Did you mean --dtype fp16 or bf16?",
    "--precision": "Did you mean --dtype?",
    "--model": "Did you mean --models auto|lite|full?",
    "--ckpt": "Did you mean --models, or a file of weights: --photo-weights, --art-weights?",
    "--num-images": "Did you mean -n (--variations)?",
    "--batch-size": "Did you mean -n (--variations)?",
    "--content-weight": "Did you mean --w-content?",
    "--style-weight": "Did you mean --prompt-weight, or --w-instruction?",
    "--original-colors": "Did you mean --keep-color?",
    "--preserve-color": "Did you mean --keep-color?",
    "--styles": "Did you mean --list-styles, or --prompt?",
    "--verbose": _QUIETER,
    "-v": _QUIETER,
    "--overwrite": "Did you mean --force? Without -o nothing is written over: names are numbered.",
    "--yes-all": "Did you mean --yes?",
    "-y": "Did you mean --yes (never ask) or --force (write over existing files)?",
    "-f": "Did you mean --force?",
    "-s": "Did you mean --size, --steps or --seed?",
    "-S": "Did you mean --seed?",
}


def hint(option: str, known: Collection[str], command: str) -> str:
    """What somebody who typed `option` may have meant: "" where nobody knows, or `command` lacks what it names.

    Args:
        known: the options that the command has.
    """
    text = HINTS.get(option, "")
    named = [word.strip(".,;:?()[]").partition("|")[0] for word in text.split() if word.strip("(").startswith("-")]
    return text.format(command=command) if all(word in known for word in named) else ""
