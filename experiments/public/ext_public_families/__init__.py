"""Letter MMLU against HellaSwag over families of models, no loss needed."""
