"""Words and sentence patterns of the two languages; data only.

A pattern holds slots {0}, {1} ... English words carry their leading space (" baker"), so that a word has the same
tokens wherever it stands (most words are one); Chinese words carry none. A pattern is cut only at pre-token borders
(tokenizer.py). Numbers are written " 17" in both languages, so that arithmetic is shared between them, as it is on real
pages.
"""

from corpus.language import Attribute, Coreference, Language, _words

_EN_ATTRIBUTES = (
    Attribute(
        "job",
        _words("baker doctor farmer singer tailor judge nurse cook pilot guard miner clerk", " "),
        (" The job of{0} is{1}.", "{0} works as a{1}.", "{0} is a{1} by trade."),
        " What is the job of{0}?",
    ),
    Attribute(
        "town",
        _words("Paris Rome Oslo Lima Bonn Cork Bath Nice York Graz Bern Kent", " "),
        (" The town of{0} is{1}.", "{0} lives in{1}.", "{0} has a home in{1}."),
        " What is the town of{0}?",
    ),
    Attribute(
        "pet",
        _words("dog cat hen fox yak bee pig cow rat ram bat goat", " "),
        (" The pet of{0} is{1}.", "{0} keeps a{1}.", "{0} feeds a{1} every day."),
        " What is the pet of{0}?",
    ),
    Attribute(
        "food",
        _words("rice soup cake fish corn figs nuts stew ham eggs pie jam", " "),
        (" The food of{0} is{1}.", "{0} likes{1} best.", "{0} eats{1} every day."),
        " What is the food of{0}?",
    ),
)

_EN_SCRIPTS = tuple(
    tuple(f" {word}" for word in row.split())
    for row in (
        "baker oven loaf",
        "doctor clinic pill",
        "farmer field wheat",
        "singer stage song",
        "tailor shop coat",
        "judge court law",
        "nurse ward bed",
        "cook stove pot",
        "pilot plane map",
        "guard gate door",
        "miner pit coal",
        "clerk desk pen",
    )
)

ENGLISH = Language(
    code="en",
    names=_words(
        "Anna Ben Tom Mia Leo Eva Max Ida Sam Lily Jack Rosa Adam Nora Paul Emma Hugo Ella Ruth Otto Jane Luke "
        "Amy Dan Zoe Ivan Kate Rob Tim Will Nina Joe Fred Gina Pete Rita Mark Tina Carl Dora",
        " ",
    ),
    attributes=_EN_ATTRIBUTES,
    objects=_words("ball cup hat book key lamp box bag coin ring", " "),
    places=_words("kitchen garden hall attic cellar shed barn yard", " "),
    goods=_words("apples pears cards stamps", " "),
    letters=_words("A B C D", " "),
    question=" Question:{0}",
    answer=" Answer:",
    stop=".",
    option="{1}{0}",
    option_separator=",",
    guess="{0}?",
    yes=" Yes.",
    no=" No.",
    report="{0} says the{1} is in the{2}.",
    where=" Where is the{0}?",
    reply=" The{0} is in the",
    script_openings=(
        " The old{0} woke up",
        " The young{0} got up",
        " Our{0} had tea",
        " One{0} set off",
        " The tall{0} came out",
        " The new{0} sat down",
        " My{0} had soup",
        " The good{0} got up",
        " That{0} sat down",
        " This{0} came out",
    ),
    script_times=_words("early late today again first", " "),
    time_first=False,
    script_ending=" and went to the{0} for the{1}.",
    scripts=_EN_SCRIPTS,
    coreferences=(
        Coreference(
            False,
            " The{0} did not fit in the{1} because the{2} was too",
            " The{0} did not fit in the{1} because it was too",
            " big",
            " small",
        ),
        Coreference(
            False,
            " The{0} fell through the{1} because the{2} was too",
            " The{0} fell through the{1} because it was too",
            " heavy",
            " thin",
        ),
        Coreference(
            True,
            "{0} asked{1} for help in the{3} because{2} was very",
            "{0} asked{1} for help in the{3} because they were very",
            " weak",
            " strong",
        ),
        Coreference(
            True,
            "{0} could not see{1} in the{3} because{2} was too",
            "{0} could not see{1} in the{3} because they were too",
            " short",
            " far",
        ),
    ),
    list_titles=(" Rooms:", " Prices:", " Lockers:", " Seats:"),
    maths_start="{0} has{1}{2}.",
    maths_gain=("{0} gets{1} more.", "{0} finds{1}.", "{0} buys{1}."),
    maths_loss=("{0} gives{1} away.", "{0} loses{1}.", "{0} sells{1}."),
    maths_question=" How many{0}?",
    separator="",
)

_ZH_ATTRIBUTES = (
    Attribute(
        "job",
        _words("老师 医生 农民 司机 歌手 画家 厨师 警察"),
        ("{0}的工作是{1}。", "{0}当{1}。"),
        "{0}的工作是什么？",
    ),
    Attribute(
        "town",
        _words("北京 上海 广州 南京 杭州 成都 武汉 西安"),
        ("{0}的城市是{1}。", "{0}住在{1}。"),
        "{0}的城市是什么？",
    ),
    Attribute(
        "pet",
        _words("小狗 小猫 兔子 乌龟 白马 山羊 鸭子 小鸟"),
        ("{0}的宠物是{1}。", "{0}养了{1}。"),
        "{0}的宠物是什么？",
    ),
    Attribute(
        "food",
        _words("米饭 面条 饺子 苹果 牛奶 鸡蛋 豆腐 西瓜"),
        ("{0}的食物是{1}。", "{0}爱吃{1}。"),
        "{0}的食物是什么？",
    ),
)

CHINESE = Language(
    code="zh",
    names=_words("小明 小红 小刚 小丽 王伟 李娜 张强 刘洋 陈静 杨帆 赵敏 周文 孙悦 朱琳"),
    attributes=_ZH_ATTRIBUTES,
    objects=_words("书本 铅笔 帽子 钥匙 杯子 皮球"),
    places=_words("厨房 花园 客厅 书房 车库 卧室"),
    goods=_words("梨 糖 邮票 卡片"),
    letters=_words("A B C D", " "),
    question="问题：{0}",
    answer="答案：",
    stop="。",
    option="{1}{0}",
    option_separator="，",
    guess="{0}吗？",
    yes="是。",
    no="不是。",
    report="{0}说{1}在{2}。",
    where="{0}在哪里？",
    reply="{0}在",
    script_openings=(
        "老{0}起床",
        "年轻的{0}出门",
        "那位{0}吃完饭",
        "新来的{0}喝了茶",
        "这位{0}起床",
        "老{0}出门",
        "年轻的{0}吃完饭",
        "那位{0}喝了茶",
        "新来的{0}起床",
        "这位{0}出门",
    ),
    script_times=_words("早上 晚上 今天 昨天"),
    time_first=True,
    script_ending="，去{0}拿{1}。",
    scripts=tuple(
        tuple(row.split())
        for row in (
            "老师 学校 课本",
            "医生 医院 药片",
            "农民 田里 小麦",
            "司机 车站 汽车",
            "歌手 舞台 歌曲",
            "画家 画室 图画",
            "厨师 饭店 锅子",
            "警察 街上 小偷",
        )
    ),
    coreferences=(
        Coreference(False, "{0}放不进{1}，因为{2}太", "{0}放不进{1}，因为它太", "大", "小"),
        Coreference(False, "{0}压坏了{1}，因为{2}太", "{0}压坏了{1}，因为它太", "重", "薄"),
        Coreference(True, "{0}在{3}请{1}帮忙，因为{2}很", "{0}在{3}请{1}帮忙，因为他很", "累", "强壮"),
        Coreference(True, "{0}在{3}看不见{1}，因为{2}太", "{0}在{3}看不见{1}，因为他太", "矮", "远"),
    ),
    list_titles=("房间：", "价格：", "座位："),
    maths_start="{0}有{1}个{2}。",
    maths_gain=("{0}又得到{1}个。", "{0}又买{1}个。"),
    maths_loss=("{0}送出{1}个。", "{0}丢了{1}个。"),
    maths_question="还有几个{0}？",
    separator="",
)

LANGUAGES = {"en": ENGLISH, "zh": CHINESE}

SPELLED_WORDS = _words(
    "dog cat hen fox owl bee pig cow rat ant eel goat rice soup cake fish corn figs nuts stew ham eggs pie jam cup hat"
    " book key lamp box bag coin ring hall shed barn song coat court law bed pot map gate door pit coal desk pen baker"
    " clerk guard nurse pilot miner judge garden cellar kitchen doctor farmer",
    " ",
)
# Letters of invented words and their sounds (broad IPA, one symbol a letter).
CONSONANTS, VOWELS = "bcdfghjklmnprst", "aeiou"
SOUNDS = dict(zip(CONSONANTS + VOWELS, "b k d f ɡ h ʒ ʃ l m n p ɹ s t æ ɛ ɪ ɒ ʌ".split(), strict=True))


def chinese_words() -> list[str]:
    """Every multi-character Chinese word of the world, longest first: the dictionary with which Chinese text is cut
    before BPE (as tokenizers with a word segmenter do), so that a Chinese word can be one token like an English one."""
    zh = CHINESE
    words = set(zh.names) | set(zh.objects) | set(zh.places) | set(zh.goods) | set(zh.script_times)
    words.update(value for attribute in zh.attributes for value in attribute.values)
    words.update(word for script in zh.scripts for word in script)
    words.update(word for c in zh.coreferences for word in (c.first, c.second))
    words.update(
        ("问题", "答案", "什么", "哪里", "工作", "城市", "宠物", "食物", "因为", "还有", "房间", "价格", "座位")
    )
    return sorted((w for w in words if len(w) > 1), key=lambda w: (-len(w), w))
