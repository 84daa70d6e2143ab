"""Made-up credentials that cannot be mistaken for anything else: wherever one turns up, it has leaked."""

from __future__ import annotations

P_KEY = "sk-leak-detector-of-p-6f1e7a"
S_KEY = "sk-leak-detector-of-s-90c2bd"
T_KEY = "sk-leak-detector-of-t-35d8e4"
SECOND_KEY = "sk-leak-detector-second-b7720f"
THIRD_KEY = "sk-leak-detector-third-1ca943"
CLIENT_KEY = "sk-leak-detector-of-client-e83f06"

ALL = (P_KEY, S_KEY, T_KEY, SECOND_KEY, THIRD_KEY, CLIENT_KEY)
