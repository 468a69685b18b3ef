//! Options of `tcptrace explain`.

use clap::{Args, ColorChoice};

use crate::tcp::TcpState;

/// Options of `tcptrace explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The state, in any spelling (SYN_RECV, syn-rcvd, FIN_WAIT_2 …); without it the whole diagram
    pub state: Option<TcpState>,
    /// Colours: on a terminal unless NO_COLOR is set, always, or never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
}
