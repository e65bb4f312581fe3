//! A topic as a table: the words of the scenario in which of each key only the last message stays.

use super::both;
use super::story::Story;

pub(super) const COMPACTED: Story = Story {
    scenario: "compacted-topic",
    kicker: both("Log compaction", "日志压缩"),
    title: both("A topic as a table", "把主题当作一张表"),
    paragraphs: &[
        both(
            "Each message is *the price of one article*: its key is the article. Older prices are of no use, so the broker compacts the log: whenever more than half of its closed segments is new, it writes them anew and keeps *the last message of each key*. Offsets stay, and gaps are left.",
            "每条消息是*一件商品的价格*，key 就是商品。旧价格没有用，所以 Broker 会压缩日志：已封闭的分段里超过一半是新数据时，就重写它们，*每个 key 只留最后一条*。偏移量不变，中间留下空洞。",
        ),
        both(
            "At 212 ms article E is delisted by a *tombstone*: its key, and no value. It cannot go at once, for whoever knows the old price must come by it. It stays 60 ms after it was first cleaned, and then goes as well.",
            "212 毫秒时，商品 E 下架：发一条*墓碑*，只有 key，没有值。它不能马上清掉，因为知道旧价格的人必须读到它。首次压缩之后它再保留 60 毫秒，然后也被清掉。",
        ),
        both(
            "The newcomer begins at 1,200 ms and reads *a handful of messages instead of 152*; its table is right. The slow one saw E in the beginning and comes too late for the tombstone: it *keeps an article that is no more*.",
            "新来者在 1,200 毫秒开始，只读*几条而不是 152 条*，得到的表却是对的。慢的那个一开始就读到了 E，等它读到后面，墓碑已经没了：它*一直留着一件早已下架的商品*。",
        ),
    ],
    look: &[
        both(
            "The marks on the time axis: each is a pass of the cleaner. What it took is superseded, not lost",
            "时间轴上的标记：每一个都是一次压缩。被清掉的是“被取代”，不是丢失",
        ),
        both(
            "The active segment is never cleaned: the newest messages stay as they are",
            "正在写入的分段从不压缩：最新的消息原样保留",
        ),
    ],
    tries: &[
        both(
            "Kill the broker and revive it: the table is the same afterwards",
            "让 Broker 宕机再恢复：之后表还是一样",
        ),
        both(
            "Kill the newcomer at 1,205 ms: it goes on where it was, across the gaps",
            "1,205 毫秒时让新来者宕机：它会越过空洞，从原处继续",
        ),
    ],
};
