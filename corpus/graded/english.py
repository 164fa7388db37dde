"""English of the second world; data only. Words carry their leading space."""

from corpus.graded.language import DIGIT_NUMBERS, GradedLanguage
from corpus.language import Attribute


def _spaced(text: str) -> tuple[str, ...]:
    return tuple(f" {word}" for word in text.split())


_TRADES = _spaced(
    "baker doctor farmer singer tailor judge nurse cook pilot guard miner clerk painter barber butcher"
    " carpenter plumber sailor soldier teacher lawyer actor waiter dentist porter driver weaver potter mason"
    " smith hunter fisher gardener printer cobbler banker priest monk poet dancer juggler scribe ranger"
    " shepherd grocer jeweller binder roofer"
)
_ATTRIBUTES = (
    Attribute(
        "job",
        _TRADES[:24],
        (" The job of{0} is{1}.", "{0} works as a{1}.", "{0} is a{1} by trade."),
        " What is the job of{0}?",
    ),
    Attribute(
        "town",
        _spaced(
            "Paris Rome Oslo Lima Bonn Cork Bath Nice York Graz Bern Kent Delhi Tokyo Cairo Milan Turin Dover"
            " Leeds Essen Basel Ghent Porto Quito"
        ),
        (" The town of{0} is{1}.", "{0} lives in{1}.", "{0} has a home in{1}."),
        " What is the town of{0}?",
    ),
    Attribute(
        "pet",
        _spaced(
            "dog cat hen fox yak bee pig cow rat ram bat goat duck swan frog toad crab mole hare lynx deer owl"
            " crow seal"
        ),
        (" The pet of{0} is{1}.", "{0} keeps a{1}.", "{0} feeds a{1} every day."),
        " What is the pet of{0}?",
    ),
    Attribute(
        "food",
        _spaced(
            "rice soup cake fish corn figs nuts stew ham eggs pie jam bread cheese beans dates plums honey"
            " pasta salad toast curry peas bacon"
        ),
        (" The food of{0} is{1}.", "{0} likes{1} best.", "{0} eats{1} every day."),
        " What is the food of{0}?",
    ),
    Attribute(
        "colour",
        _spaced(
            "red blue green black white brown pink grey gold silver violet orange scarlet ivory amber teal"
            " olive beige navy lilac indigo bronze maroon khaki"
        ),
        (" The colour of{0} is{1}.", "{0} paints all in{1}.", "{0} dresses in{1}."),
        " What is the colour of{0}?",
    ),
    Attribute(
        "sport",
        _spaced(
            "tennis chess golf rugby cricket hockey judo rowing skiing boxing fencing diving bowling cycling"
            " sailing squash karate polo darts surfing archery running skating wrestling"
        ),
        (" The sport of{0} is{1}.", "{0} goes in for{1}.", "{0} is good at{1}."),
        " What is the sport of{0}?",
    ),
)
_FRAMES = (
    "did not fit in",
    "fell through",
    "broke on",
    "rolled off",
    "sank under",
    "got stuck in",
    "could not hold",
    "slid down",
    "bent over",
    "left a stain on",
    "tore at",
    "hid behind",
)

GRADED_ENGLISH = GradedLanguage(
    code="en",
    firsts=_spaced(
        "Anna Ben Tom Mia Leo Eva Max Ida Sam Lily Jack Rosa Adam Nora Paul Emma Hugo Ella Ruth Otto Jane Luke"
        " Amy Dan Zoe Ivan Kate Rob Tim Will Nina Joe Fred Gina Pete Rita Mark Tina Carl Dora"
    ),
    families=_spaced(
        "Stone Wood Hill Reed Cole Ford Lane Park West Shaw Webb Hunt Nash Pope Ross Kerr Boyd Dunn Frost Gould"
        " Hale Irwin Joyce Lowe Moss Neal Quinn Rhodes Swift Tate"
    ),
    family_first=False,
    attributes=_ATTRIBUTES,
    trades=_TRADES,
    objects=_spaced(
        "ball cup hat book key lamp box bag coin ring jar pan mug vase clock chair stool table brush broom"
        " ladder rope chain basket bucket bottle kettle teapot plate bowl spoon fork knife towel pillow blanket"
        " mirror candle drum flute violin guitar kite doll puzzle ticket wallet purse glove scarf boot shoe"
        " belt shirt jacket helmet hammer saw drill shovel"
    ),
    places=_spaced(
        "kitchen garden hall attic cellar shed barn yard porch study garage pantry library office studio"
        " balcony nursery lobby stable bakery chapel tower tunnel courtyard"
    ),
    errand_places=_spaced(
        "oven clinic field stage shop court ward stove plane gate pit desk bench mill forge dock bank school"
        " market station theatre bridge harbour forest"
    ),
    errand_things=_spaced(
        "loaf pill wheat song coat law bed pot map door coal pen rug net sack letter crate barrel wheel flag"
        " whistle lantern needle anchor"
    ),
    times=_spaced("morning noon evening night"),
    moods=_spaced("young kind proud busy quiet merry brave clever"),
    openings=(
        " woke up",
        " got ready",
        " had tea",
        " set out",
        " sat down",
        " came out",
        " stood up",
        " said hello",
        " took time",
        " made haste",
    ),
    goods=_spaced("apples pears cards stamps shells beads pins marbles"),
    traits=tuple(
        tuple(f" {word}" for word in pair.split("/"))
        for pair in "big/small heavy/light old/new hard/soft wet/dry hot/cold thick/thin tall/short rough/smooth"
        " strong/weak".split()
    ),
    numbers=DIGIT_NUMBERS,
    letters=_spaced("A B C D"),
    question=" Question:{0}",
    answer=" Answer:",
    stop=".",
    option="{1}{0}",
    option_separator=",",
    which_letter=" Which one is{0}?",
    report=" The{0} is in the{1}.",
    moved=" Now the{0} is in the{1}.",
    where=" Where is the{0}?",
    reply=" The{0} is in the",
    errand=" Every{0} the{1}{2}{3}",
    errand_ending=" and went to the{0} for the{1}.",
    frames=tuple(" The{0} " + frame + " the{1}" for frame in _FRAMES),
    because=" because the{0} was too",
    because_pronoun=" because it was too",
    list_titles=(" Rooms:", " Prices:", " Lockers:", " Seats:"),
    maths_start="{0} has{1}{2}.",
    maths_gain=("{0} gets{1} more.", "{0} finds{1}.", "{0} buys{1}."),
    maths_loss=("{0} gives{1} away.", "{0} loses{1}.", "{0} sells{1}."),
    maths_question=" How many{0}?",
)
