//! Streams: the words of the scenarios that count over time.

use super::both;
use super::story::Story;

pub(super) const COUNT: Story = Story {
    scenario: "windowed-count",
    kicker: both("Stream processing", "数据流处理"),
    title: both("How many in each 100 ms?", "每 100 毫秒有多少条？"),
    paragraphs: &[
        both(
            "Each message tells *when it happened*. A consumer counts them by windows of 100 ms. One in five comes late, by 10 to 80 ms.",
            "每条消息都注明*事件发生的时间*。消费者按 100 毫秒的窗口计数。五分之一的消息会迟到 10 到 80 毫秒。",
        ),
        both(
            "When is a window complete? Nobody can know. This consumer takes the latest time that it has seen for the present: as soon as it sees a later message, it *gives the count out*.",
            "窗口什么时候算完整？没有人能知道。这个消费者把见过的最晚时间当作现在：一看到更晚的消息，就*给出结果*。",
        ),
        both(
            "The answers come *at once, and are wrong*: what was late is not counted.",
            "答案*来得快，却不对*：迟到的消息没有计入。",
        ),
    ],
    look: &[both(
        "Red lines in the list: messages that came too late for their window",
        "列表里的红色行：没赶上窗口的消息",
    )],
    tries: &[both("Open the same with allowed lateness", "打开允许迟到的版本")],
};

pub(super) const LATENESS: Story = Story {
    scenario: "windowed-count-lateness",
    kicker: both("Stream processing, with patience", "数据流处理：多等一会儿"),
    title: both("Wait 80 ms longer, and count right", "多等 80 毫秒，数得准"),
    paragraphs: &[
        both(
            "The same messages. Now the *watermark* stays 80 ms behind the latest message, and a window is closed only when the watermark has passed its end.",
            "同样的消息。现在*水位线*比最晚的消息落后 80 毫秒，水位线越过窗口末尾，窗口才关闭。",
        ),
        both(
            "*Every count is right*, and every answer comes 80 ms later. There is no setting that is both right and at once: one chooses how long to wait.",
            "*每个计数都对*，而每个答案都晚 80 毫秒。没有又准又快的设置：只能选择等多久。",
        ),
    ],
    look: &[both(
        "The last windows stay open: without messages the watermark stands still",
        "最后的窗口一直开着：没有新消息，水位线就不动",
    )],
    tries: &[both(
        "Kill the counter for a while. Do the counts change?",
        "让计数的消费者宕机一会儿。计数会变吗？",
    )],
};
