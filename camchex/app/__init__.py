"""A page in the browser to try one model on: nothing is kept, and nothing comes from outside."""
