"""To and from Hugging Face: folders of `config.json` and safetensors, as transformers reads and writes them.

folder  reads and writes them, in one file or in shards      family  what a family is: a configuration, names of weights
llama   Llama and Qwen3                                      gpt2    GPT-2
mixtral Mixtral and OLMoE                                    bert    BERT, ALBERT and Longformer
t5      T5 and Switch                                        marian  Marian
own     what none of these is
"""

from smelt.models.huggingface.folder import CONFIG as CONFIG
from smelt.models.huggingface.folder import WEIGHTS as WEIGHTS
from smelt.models.huggingface.folder import load as load
from smelt.models.huggingface.folder import load_decoder as load_decoder
from smelt.models.huggingface.folder import save as save
from smelt.models.huggingface.folder import to_weights as to_weights
