//! From scores to the article's sentence.

use std::fmt::Write;

const NOTHING: &str = "It does not appears to be any food item in the picture.";
/// The class that models of this family have for everything else.
const BACKGROUND: &str = "background";

/// The sentence for the best of the scores, each from 0 to 255, with the labels one a line in the same order.
pub(crate) fn sentence(scores: &[u8], labels: &str) -> String {
    let Some((index, score)) = best(scores) else { return NOTHING.to_owned() };
    let Some(confidence) = confidence(score) else { return NOTHING.to_owned() };
    match labels.lines().nth(index).map(str::trim) {
        None | Some("" | BACKGROUND) => NOTHING.to_owned(),
        Some(class) => format!(
            "It {confidence} a <a href='https://www.google.com/search?q={}'>{}</a> in the picture",
            url_encoded(class),
            html_escaped(class)
        ),
    }
}

/// The first of equals, as the article's loop has it.
fn best(scores: &[u8]) -> Option<(usize, u8)> {
    let score = *scores.iter().max()?;
    let index = scores.iter().position(|&other| other == score)?;
    Some((index, score))
}

fn confidence(score: u8) -> Option<&'static str> {
    match score {
        201.. => Some("is very likely"),
        126.. => Some("is likely"),
        51.. => Some("could be"),
        _ => None,
    }
}

/// RFC 3986: all but the unreserved characters are percent-encoded.
fn url_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut url, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => url.push(byte.into()),
            _ => write!(url, "%{byte:02X}").expect("a string takes everything"),
        }
        url
    })
}

fn html_escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut html, c| {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(c),
        }
        html
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: &str = "background\nhot dog\nfish & <chips>\n";

    fn check(scores: &[u8], expected: &str) {
        assert_eq!(sentence(scores, LABELS), expected);
    }

    #[test]
    fn confidence_follows_the_best_score() {
        let hot_dog = "a <a href='https://www.google.com/search?q=hot%20dog'>hot dog</a> in the picture";
        check(&[0, 255, 3], &format!("It is very likely {hot_dog}"));
        check(&[0, 200, 3], &format!("It is likely {hot_dog}"));
        check(&[0, 125, 3], &format!("It could be {hot_dog}"));
        check(&[0, 51, 51], &format!("It could be {hot_dog}"));
    }

    #[test]
    fn nothing_is_said_of_a_low_score_or_of_the_background() {
        check(&[0, 50, 3], NOTHING);
        check(&[255, 0, 0], NOTHING);
        check(&[], NOTHING);
        check(&[0, 0, 0, 255], NOTHING);
    }

    #[test]
    fn a_class_is_escaped_in_the_link_and_in_the_text() {
        check(
            &[0, 0, 201],
            "It is very likely a <a href='https://www.google.com/search?q=fish%20%26%20%3Cchips%3E'>fish &amp; &lt;chips&gt;</a> in the picture",
        );
    }
}
