"""Small models of every family that the package knows, by their configuration."""

from transformers import (
    Gemma2Config,
    Gemma3Config,
    Gemma3TextConfig,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

SIZES = {
    "vocab_size": 61,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 5,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
WINDOW = {"head_dim": 8, "sliding_window": 6}  # texts are longer
MIXED = ["sliding_attention", "full_attention", "sliding_attention", "full_attention", "sliding_attention"]
VISION = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 5, "num_attention_heads": 2}  # as deep as the text's
VISION |= {"image_size": 28, "patch_size": 14, "vision_use_head": False}
CONFIGS = {
    "llama": LlamaConfig(**SIZES),
    "mistral": MistralConfig(**SIZES, sliding_window=6),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3": Qwen3Config(**SIZES, head_dim=8),
    "gemma2": Gemma2Config(**SIZES, **WINDOW, final_logit_softcapping=5.0, attn_logit_softcapping=5.0),
    "gemma3": Gemma3TextConfig(**SIZES, **WINDOW, layer_types=MIXED),
    "gemma3_seeing": Gemma3Config(
        text_config={**SIZES, **WINDOW, "layer_types": MIXED}, vision_config=VISION, mm_tokens_per_image=4, initializer_range=0.2
    ),
    "phi3": Phi3Config(**SIZES),
    "neox": GPTNeoXConfig(**SIZES),
}
