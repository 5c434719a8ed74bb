// SPDX-License-Identifier: MIT
#include "cli/manual.hpp"

#include <string_view>

#include <fmt/format.h>

#include "cli/verb.hpp"

namespace ring3 {
namespace {

constexpr const char* opening = R"(.\" SPDX-License-Identifier: MIT
.\" Made by `ring3 help manual`.
.TH RING3 1 "" "ring3" "User Commands"
.SH NAME
ring3 \- a Xen-compatible hypervisor that runs as an ordinary process
.SH SYNOPSIS
.B ring3
.RB [ \-M
.IR NAME ]
.I VERB
.RI [ ARGUMENTS ...]
.br
.B ring3 help
.RI [ VERB ]
.SH DESCRIPTION
ring3 boots unmodified 64-bit Xen PV kernels in an ordinary Linux process.
.PP
.B ring3 up
starts a machine in the background,
.B ring3 create
starts domains on it, and the other verbs, which are those of
.BR xl (1)
and xm, manage them.
Where no machine is up,
.B create
starts one that ends with its last domain.
A user can have several machines;
.B \-M
.I NAME
says which one is meant.
.PP
Under the virtual clock a machine is a closed world: it runs in the foreground, no verb reaches it,
and the same input gives the same run.
.PP
Domains are named by their name or their number.
With
.B \-\-json
a verb prints exactly one JSON document, {"ring3": 1, "verb": VERB, "result": ...}; the number is
that of the form.
)";

constexpr const char* closing = R"(.SH EXIT STATUS
.TP
.B 0
all is well
.TP
.B 1
.B xenstore exists
found a node missing
.TP
.B 2
something is wrong with the command line or a file, or there is no such domain
.TP
.B 4
the host lacks something, or no machine is up
.TP
.B 6
the domain crashed, or the machine ended before it answered
.TP
.B 130, 143
interrupted
.SH FILES
.TP
.I $XDG_RUNTIME_DIR/ring3/NAME.sock
the socket of the machine NAME, with mode 0600;
.I /tmp/ring3-UID
where XDG_RUNTIME_DIR is not set
.TP
.I $XDG_STATE_HOME/ring3/NAME.log
its log, and that of the run before with
.I .old
behind it;
.I ~/.local/state
where XDG_STATE_HOME is not set
.SH SEE ALSO
.BR ring3.cfg (5),
.BR xl (1),
.BR xl.cfg (5)
)";

/// Text as it stands, in roff.
std::string verbatim(std::string_view text) {
    std::string roff;
    bool begins_line = true;
    for (const char c : text) {
        if (begins_line && (c == '.' || c == '\'')) roff += "\\&";
        begins_line = c == '\n';
        if (c == '\\')
            roff += "\\e";
        else if (c == '-')
            roff += "\\-";
        else if (c == '`')
            roff += "\\(ga";
        else if (c == '\'')
            roff += "\\(aq";
        else
            roff += c;
    }
    return roff;
}

}  // namespace

std::string manual_page() {
    std::string page = opening;
    page += ".SH VERBS\n";
    for (const auto& [name, verb] : verbs())
        page += fmt::format(".SS {}\n{}.\n.PP\n.nf\n{}.fi\n", verbatim(name),
                            verbatim(verb.summary), verbatim(verb.help));
    return page + closing;
}

}  // namespace ring3
