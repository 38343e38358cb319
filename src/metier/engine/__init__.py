"""All that touches tensors. Import it inside functions: torch and its friends take seconds."""

import os
import warnings

# Forked tokenizer threads would only warn; data loading is not where the time goes.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Deprecations among the libraries are not the user's to fix.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|trl|peft|torch)\b.*")
