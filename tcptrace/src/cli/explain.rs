//! Options of `tcptrace explain`.

use clap::{Args, ColorChoice};

use crate::tcp::TcpState;

/// Options of `tcptrace explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// State to explain, in any spelling (SYN_RECV, syn-rcvd, FIN_WAIT_2); without it, the whole diagram
    pub state: Option<TcpState>,
    /// Use colours; auto means on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
}
