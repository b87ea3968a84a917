//! Macros in the text of a fixture: bytes that a text file cannot show, or that nobody wants to read.

/// Expands `{lf}`, `{cr}`, `{sp}` (a space at the end of a line), `{hex 00ff}` and `{repeat 100 text}`. All other text,
/// braces included, stays as it is.
///
/// # Panics
///
/// Panics if a macro's arguments are malformed.
pub fn expand(text: &str) -> Vec<u8> {
    let mut expanded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        expanded.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        let (bytes, length) = expand_first(rest).unwrap_or((b"{".to_vec(), 1));
        expanded.extend(bytes);
        rest = &rest[length..];
    }
    expanded.extend_from_slice(rest.as_bytes());
    expanded
}

/// Expands the macro at the beginning of a text. Returns its bytes and the length of the macro.
fn expand_first(text: &str) -> Option<(Vec<u8>, usize)> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    let bytes = match name.split_once(' ') {
        None => match name {
            "lf" => b"\n".to_vec(),
            "cr" => b"\r".to_vec(),
            "sp" => b" ".to_vec(),
            _ => return None,
        },
        Some(("hex", digits)) => digits.as_bytes().chunks(2).map(byte).collect(),
        Some(("repeat", arguments)) => {
            let (count, repeated) = arguments.split_once(' ').expect("repeat COUNT TEXT");
            repeated.repeat(count.parse().expect("repeat COUNT TEXT")).into_bytes()
        }
        Some(_) => return None,
    };
    Some((bytes, name.len() + 2))
}

fn byte(digits: &[u8]) -> u8 {
    let digits = std::str::from_utf8(digits).expect("hexadecimal digits");
    assert_eq!(digits.len(), 2, "an odd number of hexadecimal digits");
    u8::from_str_radix(digits, 16).expect("hexadecimal digits")
}

/// Renders bytes as the body of a case, so that [`expand`] returns them.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\r' => text.push_str("{cr}"),
                '\n' | '\t' => text.push(character),
                _ if character.is_ascii_control() => text.push_str(&format!("{{hex {:02x}}}", u32::from(character))),
                _ => text.push(character),
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("{{hex {byte:02x}}}")));
    }
    let lines: Vec<String> = text.split('\n').map(escape_line).collect();
    let text = lines.join("\n");
    match text.strip_suffix('\n') {
        Some(text) => format!("{text}{{lf}}"),
        None => text,
    }
}

/// Escapes a line that would be read as a marker, and a space or tab at its end that an editor would remove.
fn escape_line(line: &str) -> String {
    let line = match line.as_bytes() {
        b"---" | [b'#', b'#', b'#', b' ', ..] => format!("{{hex {:02x}}}{}", line.as_bytes()[0], &line[1..]),
        _ => line.to_owned(),
    };
    match (line.strip_suffix(' '), line.strip_suffix('\t')) {
        (Some(line), _) => format!("{line}{{sp}}"),
        (_, Some(line)) => format!("{line}{{hex 09}}"),
        _ => line,
    }
}
