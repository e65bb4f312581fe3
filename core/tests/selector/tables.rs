//! Selectors against tables: what each is worth for one message, and which texts are none, and where they go wrong.
//!
//! The tables follow the text of JMS 1.1 (3.8), and what ActiveMQ 5.17 was seen to do where it keeps to that text.

use mqlab_core::ids::MessageId;
use mqlab_core::message::{Headers, Message, Value};
use mqlab_core::selector::{
    InvalidSelector, NESTING_MAX, Properties, PropertyValue, SELECTOR_BYTES_MAX, Selector, Truth,
};

const T: Truth = Truth::True;
const F: Truth = Truth::False;
const U: Truth = Truth::Unknown;

fn message() -> Message {
    Message::new("body")
        .with_header("color", "red")
        .with_header("weight", 2500)
        .with_header("flag", true)
        .with_header("off", false)
        .with_header("price", 9.5)
        .with_header("num", "42")
        .with_header("under", "a_b")
        .with_header("pct", "50%")
        .with_header("phone", "12993")
        .with_header("word", "lose")
        .with_header("name", "O'Neil")
        .with_header("empty", "")
        .with_header("b", 5)
        .with_header("nothing", Value::Null)
        .with_header("min", i64::MIN)
        .with_header("max", i64::MAX)
        .with_header("nan", f64::NAN)
        .with_header("city", "长沙")
        .with_header("$x_1", 1)
        .with_header("hue", "red")
        .with_kind("car")
        .with_priority(7)
}

/// Checks each line, and that a selector is true exactly where it selects.
fn check(table: &[(&str, Truth)]) {
    let message = message();
    for &(text, wanted) in table {
        let selector = Selector::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
        assert_eq!(selector.evaluate(&message), wanted, "{text}");
        assert_eq!(selector.matches(&message), wanted == T, "{text}");
    }
}

#[test]
fn what_activemq_was_seen_to_do() {
    check(&[
        ("color <> 'blue'", T),
        ("COLOR = 'red'", U),
        ("missing <> 'x'", U),
        ("NOT (missing = 'x')", U),
        ("missing OR flag", T),
        ("missing OR off", U),
        ("off OR missing", U),
        ("missing AND off", F),
        ("missing AND flag", U),
        ("missing NOT BETWEEN 1 AND 5", U),
        ("missing NOT IN ('a','b')", U),
        ("missing NOT LIKE 'a%'", U),
        ("missing IS NULL", T),
        ("weight = '2500'", F),
        ("num = 42", F),
        ("phone LIKE '12%3'", T),
        ("word LIKE 'l_se'", T),
        (r"under LIKE 'a\_b' ESCAPE '\'", T),
        ("name = 'O''Neil'", T),
        ("empty = ''", T),
        ("empty IS NULL", F),
        ("(weight - 500) * 2 = 4000", T),
        ("weight - 500 * 2 = 1500", T),
        ("color = 'red' OR weight < 10 AND off", T),
        ("weight BETWEEN 2500 AND 3000", T),
        ("weight BETWEEN 2000 AND 2499", F),
        ("weight = 2500.0", T),
        ("JMSType = 'car' AND JMSPriority = 7", T),
    ]);
}

#[test]
fn the_text_of_jms_where_activemq_departs_from_it() {
    check(&[
        ("missing = missing", U),
        ("NOT color = 'blue' AND flag", T),
        ("NOT color = 'blue' AND off", F),
        ("weight / 1000 = 2", T),
        ("weight / 1000 = 2.5", F),
        ("weight / 1000.0 = 2.5", T),
        ("num <> 42", F),
        ("weight <> '2500'", F),
        ("flag <> 'x'", F),
        ("NOT (num = 42)", T),
    ]);
}

#[test]
fn and_or_and_not_have_three_values() {
    let values = [("flag", T), ("off", F), ("missing", U)];
    let and = [[T, F, U], [F, F, F], [U, F, U]];
    let or = [[T, T, T], [T, F, U], [T, U, U]];
    let not = [F, T, U];
    for (row, (left, a)) in values.iter().enumerate() {
        check(&[(&format!("NOT {left}"), not[row]), (left, *a), (&format!("NOT NOT {left}"), *a)]);
        assert_eq!(!*a, not[row]);
        for (column, (right, b)) in values.iter().enumerate() {
            check(&[(&format!("{left} AND {right}"), and[row][column])]);
            check(&[(&format!("{left} OR {right}"), or[row][column])]);
            assert_eq!((a.and(*b), a.or(*b)), (and[row][column], or[row][column]));
        }
    }
}

#[test]
fn nothing_is_unknown_wherever_it_stands() {
    for nothing in ["missing", "nothing"] {
        for condition in [
            "? = 1",
            "1 <> ?",
            "? < 1",
            "1 >= ?",
            "? = 'a'",
            "? = TRUE",
            "? + 1 = 1",
            "1 - ? = 1",
            "-? = 1",
            "+? = 1",
            "? * 0 = 0",
            "? BETWEEN 1 AND 2",
            "weight BETWEEN ? AND 3000",
            "weight BETWEEN 2000 AND ?",
            "? IN ('a')",
            "? LIKE '%'",
            "NOT ?",
            "(? AND flag) = TRUE",
        ] {
            check(&[(&condition.replace('?', nothing), U)]);
        }
        check(&[(&format!("{nothing} IS NULL"), T), (&format!("{nothing} IS NOT NULL"), F)]);
        // As JMS writes them out: 2500 >= ? AND 2500 <= 10, 2500 < ? OR 2500 > 10.
        check(&[(&format!("weight BETWEEN {nothing} AND 10"), F)]);
        check(&[(&format!("weight NOT BETWEEN {nothing} AND 10"), T)]);
    }
}

#[test]
fn numbers_are_javas() {
    check(&[
        ("weight = 2500L", T),
        ("weight = 0x9C4", T),
        ("weight = 0X9c4l", T),
        ("b = 05", T),
        ("b + 10 = 017", T),
        ("0 = 0L AND 00 = 0", T),
        ("b = 5. AND b = 5E0 AND .5E1 = b AND 50e-1 = b AND 0.05E+2 = b", T),
        ("09.5 = price", T),
        ("price = 9.5 AND price > 9 AND price < 10 AND price >= 9.5", T),
        ("-b = -5 AND - b = 0 - 5 AND --b = 5 AND +b = 5 AND -+-b = 5", T),
        ("10 - 3 - 2 = b", T),
        ("100 / 10 / 2 = b", T),
        ("2 * 17 % 7 = 6", T),
        ("-7 / 2 = -3 AND -7 % 2 = -1", T),
        ("1 + 2 * 3 = 7 AND (1 + 2) * 3 = 9", T),
        ("min = -9223372036854775808 AND max = 9223372036854775807", T),
        ("max + 1 = min AND min - 1 = max AND -min = min AND min / -1 = min AND min % -1 = 0", T),
        ("weight / 0 = 1", U),
        ("weight % 0 = 1", U),
        ("weight / 0.0 > 1E308 AND -weight / 0.0 < -1E308", T),
        ("price % 0 = 0", F),
        ("7.5 % 2 = 1.5", T),
        ("nan = nan", F),
        ("nan <> nan", T),
        ("nan < 1", F),
        ("nan >= 1", F),
        ("nan BETWEEN 0 AND 1 OR nan NOT BETWEEN 0 AND 1", F),
        ("max = 9223372036854775808.0", T), // the nearest double, as Java compares a long with a double
        ("0.0 = -0.0", T),
        ("color + 1 = 1", U),
        ("-color = 1", U),
        ("+flag = TRUE", U),
    ]);
}

#[test]
fn types_are_never_mixed() {
    check(&[
        ("flag = TRUE", T),
        ("flag <> false", T),
        ("flag = 1", F),
        ("flag = 'true'", F),
        ("1 = 'a'", F),
        ("1 <> 'a'", F),
        ("color", F),
        ("weight", F),
        ("NOT color", T),
        ("color > 1", F),
        ("color <= 1", F),
        ("color > name", F),
        ("color <= color", F),
        ("flag >= flag", F),
        ("color = hue", T),
        ("color <> name", T),
        ("color = 'Red'", F),
        ("color BETWEEN 1 AND 5", F),
        ("color NOT BETWEEN 1 AND 5", F),
        ("weight IN ('2500')", F),
        ("weight NOT IN ('2500')", T),
        ("weight LIKE '%'", F),
        ("weight NOT LIKE '%'", T),
        ("TRUE", T),
        ("FALSE OR TrUe", T),
        ("(weight > 10) = TRUE", T),
        ("(weight > 10) <> (b > 10)", T),
        ("flag = (color = 'red')", T),
    ]);
}

#[test]
fn lists_and_patterns() {
    check(&[
        ("color IN ('red')", T),
        ("color IN ('z', 'red', 'a', 'red')", T),
        ("color NOT IN ('blue', 'reda', 're')", T),
        ("color IN ('Red')", F),
        ("name IN ('O''Neil')", T),
        ("phone LIKE '%'", T),
        ("empty LIKE '%' AND empty LIKE '' AND empty NOT LIKE '_'", T),
        ("phone LIKE '12993'", T),
        ("phone LIKE '1299'", F),
        ("phone LIKE '2993'", F),
        ("phone LIKE '_____' AND phone NOT LIKE '______' AND phone NOT LIKE '____'", T),
        ("phone LIKE '%9%9%' AND phone NOT LIKE '%9%9%9%'", T),
        ("phone LIKE '%93' AND phone LIKE '12%' AND phone LIKE '%299%'", T),
        ("phone LIKE '%_3' AND phone LIKE '1_%_3' AND phone NOT LIKE '1___%_3'", T),
        ("phone LIKE '12%123'", F),
        ("word LIKE 'loose'", F),
        ("under LIKE 'a_b' AND word NOT LIKE 'a_b'", T),
        (r"pct LIKE '50\%' ESCAPE '\'", T),
        (r"phone NOT LIKE '12\%3' ESCAPE '\'", T),
        ("pct LIKE '__%%' ESCAPE '%'", T),
        ("under LIKE 'a__b' ESCAPE '_'", T),
        ("name LIKE 'O''%' AND name LIKE 'O''''Neil' ESCAPE ''''", T),
        ("city LIKE '_沙' AND city LIKE '长_' AND city NOT LIKE '_' AND city = '长沙'", T),
    ]);
}

#[test]
fn words_and_spaces() {
    check(&[
        ("color='red'and(weight)between(2500)and(2500)or(off)", T),
        ("\tcolor\n=\r\n'red'\x0c", T),
        ("(color) LIKE 'r%' AND ((color)) IN ('red') AND (color) IS NOT NULL", T),
        ("color iS nOt nUlL aNd NoT off", T),
        ("$x_1 = 1", T),
        ("weight between 1 and 3000 and flag", T),
        ("weight BETWEEN 1 + 1 AND 3 * 1000 AND NOT off", T),
        ("NOT off AND NOT off OR off", T),
        ("off AND off OR flag", T),
        ("flag OR off AND off", T),
        ("(flag OR off) AND off", F),
        ("NOT (off OR off)", T),
        ("NOT off = FALSE", F),
    ]);
}

#[test]
fn the_names_of_jms_are_the_messages_own() {
    let worth = |message: &Message, text: &str| {
        Selector::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}")).evaluate(message)
    };
    let bare = Message::new("");
    let full = Message::new("")
        .with_id(MessageId(u64::MAX))
        .with_priority(9)
        .with_kind("car")
        .with_correlation("c-1")
        .with_group("g")
        .with_group_sequence(-1)
        .with_header("JMSType", "not seen")
        .with_header("JMSXUserID", "ann")
        .transient();
    for (text, of_full, of_bare) in [
        ("JMSMessageID = 'ID:m18446744073709551615'", T, U),
        ("JMSMessageID <> 'ID:m18446744073709551615'", F, U),
        ("JMSMessageID = JMSMessageID", T, U),
        ("JMSMessageID IN ('ID:m1', 'ID:m18446744073709551615')", T, U),
        ("JMSMessageID LIKE 'ID:%5'", T, U),
        ("JMSMessageID = 1", F, U),
        ("JMSPriority = 9", T, F),
        ("JMSPriority = 4", F, T),
        ("JMSType = 'car'", T, U),
        ("JMSCorrelationID = 'c-1'", T, U),
        ("JMSXGroupID = 'g'", T, U),
        ("JMSXGroupSeq < 0", T, U),
        ("JMSDeliveryMode = 'NON_PERSISTENT'", T, F),
        ("JMSDeliveryMode = 'PERSISTENT'", F, T),
        ("JMSXUserID = 'ann'", T, U),
        ("JMSNothing IS NULL", T, T),
    ] {
        assert_eq!((worth(&full, text), worth(&bare, text)), (of_full, of_bare), "{text}");
    }
    let headers: Headers = [("color", "red")].into();
    assert_eq!(headers.property("color"), PropertyValue::Text("red"));
    assert_eq!(Selector::parse("color = 'red'").unwrap().evaluate(&headers), T);
}

/// Texts that are no selectors; ^ marks the place where each goes wrong, and is not part of it.
const INVALID: &[&str] = &[
    "missing = ^NULL",
    "color = ^\"red\"",
    "color ^!= 'blue'",
    "color ^== 'blue'",
    "color IN (^)",
    "weight IN (^2500)",
    "color IN ('a' ^'b')",
    "color IN ('a',^)",
    "color IN ('a'^",
    "color IN ^'a'",
    "1 +^",
    "^",
    "  ^",
    "color =^",
    "^= 1",
    "(color = 'red'^",
    "color = 'red'^)",
    "(^)",
    "color ^red",
    "color = ^'red",
    "color = 'red' ^'x'",
    "color NOT ^= 'red'",
    "color IS ^'red'",
    "color IS NOT^",
    "color IS NOT ^TRUE",
    "weight BETWEEN 1^",
    "weight BETWEEN 1 ^OR 2",
    "weight BETWEEN 1 AND^",
    "color LIKE^",
    "color LIKE ^name",
    "color LIKE 'a' ESCAPE^",
    "color LIKE 'a' ESCAPE ^''",
    "color LIKE 'a' ESCAPE ^'ab'",
    "color LIKE ^'a!b' ESCAPE '!'",
    "color LIKE ^'ab!' ESCAPE '!'",
    "city LIKE ^'长é沙' ESCAPE 'é'",
    "1 < weight ^< 5",
    "weight = b ^= 5",
    "NOT weight = b ^= 5",
    "flag = ^NOT off",
    "color^.size = 1",
    "color = 'red' ^; flag",
    "color = 'red' ^&& flag",
    "^é",
    "flag AND^",
    "flag AND NOT^",
    // Of the wrong type, whatever the message holds.
    "color > ^'a'",
    "^'a' <= color",
    "flag > ^FALSE",
    "^TRUE < flag",
    "weight BETWEEN ^'a' AND 5",
    "weight BETWEEN 1 AND ^TRUE",
    "^'a' BETWEEN 1 AND 5",
    "^'a' + 1 = 1",
    "1 + ^TRUE = 1",
    "-^'a' = 1",
    "1 + ^(a = b) = 1",
    "^(a = b) > 1",
    "^1",
    "^'a'",
    "^weight + 1",
    "flag AND ^1",
    "^'a' OR flag",
    "NOT ^5",
    "^1 IN ('a')",
    "^'a' LIKE 'a'",
    "^(a + b) IS NULL",
    "^TRUE IS NULL",
    // Numbers.
    "weight = ^08",
    "weight = ^0x",
    "weight = ^0xG",
    "weight = ^1E",
    "weight = ^1E+",
    "weight = ^12abc",
    "weight = ^1.2.3",
    "weight = ^2500LL",
    "weight = ^1.5f",
    "weight = ^1AND flag",
    "weight = ^9223372036854775808",
    "weight = -^9223372036854775809",
    "weight = ^0x8000000000000000",
    "weight = ^99999999999999999999999",
    "weight = ^1E400",
];

#[test]
fn what_is_wrong_is_refused_where_it_stands() {
    for marked in INVALID {
        let text = marked.replace('^', "");
        let wrong = Selector::parse(&text).expect_err(&text);
        assert_eq!(Some(wrong.at()), marked.find('^'), "{marked}: {wrong}");
        assert!(wrong.to_string().starts_with(&format!("at byte {}: ", wrong.at())), "{wrong}");
    }
    let wrong = Selector::parse("color IN ('a'").unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "at byte 13: `the end` does not belong here, write a comma and the next text, or ) to end IN's list"
    );
}

#[test]
fn keywords_name_no_property() {
    for word in ["and", "Between", "ESCAPE", "false", "IN", "is", "LIKE", "not", "NULL", "or", "TRUE"] {
        assert!(
            Selector::parse(&format!("color = 'a' AND {word} = 5 AND {word} IS NULL")).is_err(),
            "{word}"
        );
    }
}

#[test]
fn limits_are_kept_without_an_overflow_of_the_stack() {
    // At the limit all is well; one more is refused, and so are as many as the text can hold.
    for (before, open, middle, close) in [
        ("", "(", "flag", ")"),
        ("", "NOT ", "flag", ""),
        ("", "off OR flag AND off = (", "flag", ")"),
        ("b = ", "1 + 2 * (", "1", ")"),
        ("b = ", "-", "b", ""),
    ] {
        let nested = |times: usize| [before, &open.repeat(times), middle, &close.repeat(times)].concat();
        let most = (SELECTOR_BYTES_MAX - before.len() - middle.len()) / (open.len() + close.len());
        let deepest = Selector::parse(&nested(NESTING_MAX)).unwrap_or_else(|wrong| panic!("{open}: {wrong}"));
        assert_ne!(deepest.evaluate(&message()), U, "{open}");
        let refused = InvalidSelector::TooDeep { at: before.len() + open.len() * (NESTING_MAX + 1) };
        assert_eq!(Selector::parse(&nested(NESTING_MAX + 1)), Err(refused.clone()), "{open}");
        assert_eq!(Selector::parse(&nested(most)), Err(refused), "{open}");
    }

    // Chains are not nested.
    let chain = |part: &str, by: &str| vec![part; 400].join(by);
    check(&[
        (&chain("off", " OR "), F),
        (&chain("flag", " AND "), T),
        (&format!("{} = 400", chain("1", "+")), T),
        (&format!("{} = 1", chain("1", "*")), T),
        (&format!("color IN ({})", chain("'x'", ",")), F),
    ]);

    let text = |bytes: usize| format!("flag{}", " ".repeat(bytes - 4));
    assert!(Selector::parse(&text(SELECTOR_BYTES_MAX)).is_ok());
    let bytes = SELECTOR_BYTES_MAX + 1;
    assert_eq!(Selector::parse(&text(bytes)), Err(InvalidSelector::TooLong { bytes }));

    // A pattern that keeps a matcher busy for ever if it tries every % anew.
    let busy = Selector::parse(&format!("a LIKE '{}b'", "%a".repeat(2000))).unwrap();
    let headers: Headers = [("a", "a".repeat(10_000).as_str())].into();
    assert_eq!(busy.evaluate(&headers), F);
}

#[test]
fn a_selector_is_its_text() {
    let text = " color = 'red' AND b > 1 and color <> 'x'";
    let selector: Selector = text.parse().unwrap();
    assert_eq!((selector.to_string().as_str(), selector.as_str()), (text, text));
    assert_eq!(selector.properties().collect::<Vec<_>>(), ["color", "b"]);
    let saved = serde_json::to_string(&selector).unwrap();
    assert_eq!(saved, serde_json::to_string(text).unwrap());
    let read: Selector = serde_json::from_str(&saved).unwrap();
    assert_eq!(read, selector.clone());
    assert!(read.matches(&message()));
    let wrong = serde_json::from_str::<Selector>("\"color !\"").unwrap_err().to_string();
    assert!(wrong.contains("at byte 6"), "{wrong}");
    assert!(Selector::parse("a").unwrap() < Selector::parse("b").unwrap());
    assert_ne!(Selector::parse("a").unwrap(), Selector::parse("(a)").unwrap());
}
