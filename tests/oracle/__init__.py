"""The slow and simple evaluators that the compiler is compared with."""
