"""Tasks of one's own: prompts from a file of json lines, judged by answers, a pattern, tests or a checker file."""
