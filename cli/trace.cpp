// SPDX-License-Identifier: MIT
// ring3 trace: shows what `ring3 create --trace` wrote.
#include <fstream>
#include <iostream>
#include <string>

#include <fmt/format.h>

#include "cli/arguments.hpp"
#include "cli/trace_option.hpp"
#include "cli/verb.hpp"
#include "hv/trace/tables.hpp"

namespace ring3 {
namespace {

constexpr const char* help =
    "usage: ring3 trace [OPTIONS] FILE\n"
    "       ring3 trace --schema\n"
    "\n"
    "Shows the trace that `ring3 create --trace FILE` wrote: for each vCPU the time in each run\n"
    "state, how often it got a pCPU and why it lost it, how long it waited from a wake to its "
    "run,\n"
    "and its hypercalls and exceptions where these were recorded. Of a run that was killed there "
    "is\n"
    "all but the end.\n"
    "\n"
    "      --intervals           a line for each time that a vCPU had a pCPU\n"
    "      --runstates           a line for each stay of a vCPU in a run state\n"
    "      --csv                 a line for each event\n"
    "      --perfetto OUT.json   write a file for Perfetto, or for a browser's trace viewer\n"
    "      --schema              list the classes, events and arguments that there are\n";

struct Options {
    bool intervals = false, run_states = false, csv = false, schema = false;
    std::string perfetto;
};

void write_perfetto(const trace::File& file, const std::string& path) {
    std::ofstream out(path);
    if (out) trace::print_perfetto(out, file);
    out.close();
    if (!out) throw EnvironmentError{fmt::format("cannot write {}", path)};
}

void print(const trace::File& file, const Options& options) {
    if (options.intervals) trace::print_intervals(std::cout, file);
    if (options.run_states) trace::print_run_states(std::cout, file);
    if (options.csv) trace::print_csv(std::cout, file);
    if (!options.perfetto.empty()) write_perfetto(file, options.perfetto);
    if (!options.intervals && !options.run_states && !options.csv && options.perfetto.empty())
        trace::print_summary(std::cout, file);
}

int run(std::span<const std::string> arguments) {
    Options options;
    CommandLine line("trace");
    line.flag("intervals", options.intervals)
        .flag("runstates", options.run_states)
        .flag("csv", options.csv)
        .flag("schema", options.schema)
        .value("perfetto", options.perfetto);
    const auto words = line.parse(arguments, {0, 1, "FILE"});
    if (words.empty() == !options.schema)
        throw ConfigError{"ring3 trace: give the file of a trace, or --schema"};
    if (options.schema) {
        trace::print_schema(std::cout);
    } else {
        const trace::File file = trace::read_file(words[0]);
        if (!file.is_complete)
            print_warning(
                fmt::format("{}: the trace ends before the run did: {}", words[0], file.cut));
        print(file, options);
    }
    std::cout.flush();
    return to_int(ExitCode::ok);
}

const RegisteredVerb entry{
    {"trace", "shows what a run with --trace wrote", help, run, VerbGroup::files}};

}  // namespace

TraceOption parse_trace_option(const std::string& text) {
    constexpr std::string_view mark = ",classes=";
    const std::size_t at = text.find(mark);
    TraceOption option{text.substr(0, at), trace::default_classes()};
    if (at != std::string::npos)
        option.classes = trace::parse_classes(std::string_view(text).substr(at + mark.size()));
    if (option.path.empty())
        throw ConfigError{"--trace needs a file: --trace FILE or --trace FILE,classes=sched,ring"};
    return option;
}

}  // namespace ring3
