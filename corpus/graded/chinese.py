"""Chinese of the second world; data only."""

from dataclasses import replace

from corpus.graded.language import CHINESE_NUMERALS, DIGIT_NUMBERS, GradedLanguage
from corpus.language import Attribute


def _cut(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_TRADES = _cut(
    "老师 医生 农民 司机 歌手 画家 厨师 警察 护士 律师 作家 演员 裁缝 木匠 铁匠 渔夫 猎人 园丁 船长 士兵 邮差"
    " 记者 导游 法官 保安 店员 矿工 石匠 瓦匠 鞋匠 诗人 舞者 教练 商人 银匠 牧民 水手 花匠 屠夫 车夫 僧人 书生"
    " 秘书 校长 会计 琴师 药师 茶农"
)
_ATTRIBUTES = (
    Attribute("job", _TRADES[:24], ("{0}的工作是{1}。", "{0}当{1}。"), "{0}的工作是什么？"),
    Attribute(
        "town",
        _cut(
            "北京 上海 广州 南京 杭州 成都 武汉 西安 天津 重庆 苏州 长沙 郑州 青岛 大连 厦门 宁波 昆明 福州"
            " 合肥 济南 沈阳 兰州 南宁"
        ),
        ("{0}的城市是{1}。", "{0}住在{1}。"),
        "{0}的城市是什么？",
    ),
    Attribute(
        "pet",
        _cut(
            "小狗 小猫 兔子 乌龟 白马 山羊 鸭子 小鸟 金鱼 鹦鹉 刺猬 仓鼠 母鸡 黄牛 毛驴 骆驼 白鹅 鸽子 蜜蜂"
            " 蟋蟀 松鼠 狐狸 孔雀 青蛙"
        ),
        ("{0}的宠物是{1}。", "{0}养了{1}。"),
        "{0}的宠物是什么？",
    ),
    Attribute(
        "food",
        _cut(
            "米饭 面条 饺子 苹果 牛奶 鸡蛋 豆腐 西瓜 包子 馒头 汤圆 月饼 烤鸭 香蕉 葡萄 草莓 花生 玉米 土豆"
            " 白菜 萝卜 羊肉 鱼丸 蛋糕"
        ),
        ("{0}的食物是{1}。", "{0}爱吃{1}。"),
        "{0}的食物是什么？",
    ),
    Attribute(
        "colour",
        _cut(
            "红色 蓝色 绿色 黑色 白色 黄色 紫色 灰色 粉色 棕色 金色 银色 橙色 青色 米色 杏色 褐色 翠绿 深蓝"
            " 浅灰 桃红 雪白 墨绿 天蓝"
        ),
        ("{0}的颜色是{1}。", "{0}总穿{1}。"),
        "{0}的颜色是什么？",
    ),
    Attribute(
        "sport",
        _cut(
            "篮球 足球 网球 排球 象棋 围棋 游泳 跑步 滑雪 滑冰 射箭 举重 体操 跳高 跳远 击剑 柔道 拳击 划船"
            " 骑马 登山 武术 太极 冲浪"
        ),
        ("{0}的运动是{1}。", "{0}擅长{1}。"),
        "{0}的运动是什么？",
    ),
)

GRADED_CHINESE = GradedLanguage(
    code="zh",
    firsts=_cut(
        "小明 小红 小刚 小丽 志伟 丽娜 建国 海洋 文静 云帆 敏之 子文 欣悦 琳琳 宏图 美玲 俊杰 晓东 春花 秋月"
        " 冬梅 夏雨 永康 家豪 雅芳 国强 思远 佳慧 天宇 嘉怡"
    ),
    families=_cut("王 李 张 刘 陈 杨 赵 吴 徐 孙 胡 朱 冯 林 何 郭 罗 梁 宋 郑 谢 韩 唐 许"),
    family_first=True,
    attributes=_ATTRIBUTES,
    trades=_TRADES,
    objects=_cut(
        "书本 铅笔 帽子 钥匙 杯子 皮球 盒子 袋子 硬币 戒指 罐子 平锅 花瓶 闹钟 椅子 凳子 桌子 刷子 扫帚 梯子"
        " 绳子 链子 篮子 水桶 瓶子 水壶 盘子 饭碗 勺子 叉子 小刀 毛巾 枕头 毯子 镜子 蜡烛 大鼓 笛子 提琴 风筝"
        " 玩偶 钱包 手套 围巾 靴子 皮带 衬衫 锤子"
    ),
    places=_cut(
        "厨房 花园 客厅 书房 车库 卧室 阁楼 地窖 仓库 院子 阳台 门厅 走廊 教室 办公室 浴室 马厩 谷仓 凉亭 祠堂"
        " 塔楼 隧道 天井 储藏室"
    ),
    errand_places=_cut(
        "学校 医院 田里 车站 舞台 画室 饭店 街上 市场 银行 码头 工厂 法院 剧院 商店 森林 河边 山上 矿井 邮局"
        " 车间 茶馆 庙里 军营"
    ),
    errand_things=_cut(
        "课本 药片 小麦 汽车 歌曲 图画 锅子 小偷 布料 木板 铁锹 渔网 弓箭 花盆 船票 步枪 信件 报纸 地图 法典"
        " 雨伞 煤块 石板 茶叶"
    ),
    times=_cut("早上 中午 傍晚 深夜"),
    moods=_cut("年轻 勤快 和气 聪明 安静 快乐 勇敢 骄傲"),
    openings=_cut("起床后 吃完饭 喝了茶 穿好衣 洗了脸 读完信 出了门 关好窗 点了灯 伸个腰"),
    goods=_cut("梨 糖 邮票 卡片 贝壳 珠子 别针 弹珠"),
    traits=tuple(
        tuple(pair.split("/")) for pair in "大/小 重/轻 旧/新 硬/软 湿/干 热/冷 厚/薄 长/短 粗/细 强/弱".split()
    ),
    numbers=DIGIT_NUMBERS,
    letters=(" A", " B", " C", " D"),
    question="问题：{0}",
    answer="答案：",
    stop="。",
    option="{1}{0}",
    option_separator="，",
    which_letter="哪个是{0}？",
    report="{0}在{1}。",
    moved="现在{0}在{1}。",
    where="{0}在哪里？",
    reply="{0}在",
    errand="每天{0}{1}的{2}{3}",
    errand_ending="，去{0}拿{1}。",
    frames=(
        "{0}放不进{1}",
        "{0}压坏了{1}",
        "{0}滚下了{1}",
        "{0}卡住了{1}",
        "{0}装不下{1}",
        "{0}撞上了{1}",
        "{0}挂不住{1}",
        "{0}盖不住{1}",
        "{0}推不动{1}",
        "{0}比不过{1}",
    ),
    because="，因为{0}太",
    because_pronoun="，因为它太",
    list_titles=("房间：", "价格：", "座位："),
    maths_start="{0}有{1}个{2}。",
    maths_gain=("{0}又得到{1}个。", "{0}又买{1}个。"),
    maths_loss=("{0}送出{1}个。", "{0}丢了{1}个。"),
    maths_question="还有几个{0}？",
    pattern_words=_cut(
        "问题 答案 什么 哪里 哪个 工作 城市 宠物 食物 颜色 运动 因为 现在 每天 还有 房间 价格 座位 得到 送出"
    ),
)
# The arm in which Chinese pages write numbers in Chinese.
NUMERAL_CHINESE = replace(GRADED_CHINESE, numbers=CHINESE_NUMERALS)


def graded_chinese_words() -> list[str]:
    """Every Chinese word of the second world of more than one character, longest first: how its text is cut before
    BPE."""
    words = {*GRADED_CHINESE.words(), *GRADED_CHINESE.pattern_words, *CHINESE_NUMERALS}
    return sorted((word for word in words if len(word) > 1 and word[0] != " "), key=lambda word: (-len(word), word))
