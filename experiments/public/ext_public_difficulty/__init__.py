"""Questions by difficulty over 63 to 65 models: do hard ones get worse before they get better?"""
