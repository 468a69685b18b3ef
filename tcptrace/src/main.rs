//! The binary: parse, run, and turn the outcome into an exit code.
use tcptrace::probe::*;
#[tokio::main(flavor = "current_thread")]
async fn main() {
    env_logger::init();
    let t = std::time::Instant::now();
    let mut a = attach(&Settings {
        choice: if std::env::args().nth(1).as_deref() == Some("c") {
            Choice::Tracepoint
        } else {
            Choice::Btf
        },
        buffer: 4 << 20,
        filter: Default::default(),
        ports: vec![],
        messages: true,
    })
    .map_err(|e| format!("{e:#}"))
    .unwrap();
    eprintln!("{:?} attached {:?}", t.elapsed(), a.hook);
    a.reader.ask_to_be_woken().unwrap();
    for _ in 0..20 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        a.reader.drain(|e| println!("{e:?}"));
    }
    a.detach();
    println!("{:?}", a.accounting.read());
}
