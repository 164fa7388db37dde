"""The look of every figure: palette, markers, panels, and the command line that draws."""
