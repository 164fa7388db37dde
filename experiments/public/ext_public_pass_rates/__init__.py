"""Paper P on real Pythia models: sampled passes of MATH and GSM8K, held-out sizes, test loss as assistant."""
