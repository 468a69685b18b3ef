//! Ladders of real connections: the segments of an open and a close, in their order.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each file of tests uses its part")]
mod harness;

use harness::{actor::Actor, in_a_namespace, ss, tracer::Tracer};

#[test]
fn a_normal_close_is_a_textbook_ladder() {
    in_a_namespace(|| {
        let tracer = Tracer::start_text(&["--format", "ladder"]);
        let (server, client) = (Actor::new("server"), Actor::new("client"));
        let listener = server.tell("listen l 127.0.0.1:0");
        let opened = client.tell(&format!("connect c {}", listener.local));
        let accepted = server.tell("accept l s");
        client.order("close c");
        ss::wait(&accepted, "CLOSE_WAIT");
        server.order("close s");
        ss::wait(&opened, "TIME_WAIT");
        let trace = tracer.finish();

        let text = &trace.text;
        // The segment of each row, with its direction.
        let rungs: Vec<_> = text
            .lines()
            .filter(|row| row.contains(['▶', '◀']))
            .map(|row| {
                let words = row.split(['─', '│', '├', '┤', '▶', '◀']).map(str::trim);
                let label = words
                    .filter(|word| !word.is_empty())
                    .find(|word| ["SYN", "SYN+ACK", "ACK", "RST"].contains(word) || word.starts_with("FIN:"));
                format!("{} {}", if row.contains('▶') { '>' } else { '<' }, label.unwrap_or("?"))
            })
            .collect();
        let segments = ["> SYN", "< SYN+ACK", "> ACK", "> FIN: close()", "< ACK", "< FIN: close()", "> ACK"];
        assert_eq!(rungs, segments, "{text}");
        let head = |word: &str| text.lines().position(|row| row.contains(word)).unwrap();
        assert!(head("client") < head("SYN_SENT") && text.contains(&opened.local.to_string()), "{text}");
        assert!(text.lines().last().unwrap().contains(" events seen = "), "{text}");
    });
}
