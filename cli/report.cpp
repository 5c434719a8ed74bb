// SPDX-License-Identifier: MIT
// ring3 report: charts, tables and verdicts from what a campaign has recorded.
#include "cli/report.hpp"

#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "analysis/paper/paper.hpp"
#include "analysis/report/report.hpp"
#include "analysis/text/numbers.hpp"
#include "cli/arguments.hpp"
#include "cli/machine_choice.hpp"
#include "cli/verb.hpp"

namespace ring3 {
namespace {

constexpr const char* help =
    "usage: ring3 report [OPTIONS] CAMPAIGN...\n"
    "\n"
    "Makes the report of campaigns, folders that `ring3 run` leaves below results/, from their\n"
    "files alone: report/report.html in each, one page with everything inside, report/REPORT.md,\n"
    "and every chart with its data and gnuplot script. The first picture is figure 3 of the SOSP\n"
    "2003 paper, redrawn.\n"
    "\n"
    "      --paper  instead: the paper, \"the evaluation of the SOSP 2003 paper, run again\", "
    "with\n"
    "               tables and figures from all these campaigns, in report/paper/ of the first\n"
    "      --json   print the verdicts on the claims and where the reports are\n"
    "\n"
    "Exit code: 0 all claims hold or are undecided, 1 a claim is not met, or platforms with other\n"
    "software than the baseline were not compared, 2 a file is damaged or of another version,\n"
    "4 gnuplot or, for the paper, pdflatex is missing.\n";

Json json_of(const analysis::ClaimResult& result) {
    Json json{{"name", result.claim.name},
              {"text", result.claim.text},
              {"verdict", analysis::verdict_name(result.verdict)},
              {"bound", analysis::bounds_text(result.claim)},
              {"remark", result.reason}};
    if (result.ratio) json["ratio"] = result.ratio->value;
    if (result.ratio && result.ratio->interval)
        json["interval"] = {result.ratio->interval->low, result.ratio->interval->high};
    return json;
}

void print_claim(const analysis::ClaimResult& result) {
    const std::string& text = result.claim.text.empty() ? result.claim.name : result.claim.text;
    // Of what is the same or differs there is nothing to measure: the reason says what was found.
    std::string found = result.reason;
    if (result.claim.fact.empty()) {
        const std::string measured =
            result.ratio ? fmt::format("{} {}", analysis::ratio_text(result.ratio->value),
                                       analysis::interval_text(*result.ratio))
                         : "not measured";
        found = fmt::format("{}, {}", analysis::bounds_text(result.claim), measured);
    }
    fmt::print("{:<10} {} ({})\n", analysis::verdict_name(result.verdict), text, found);
}

int run(std::span<const std::string> arguments) {
    bool json = false, paper = false;
    const std::vector<std::string> paths =
        CommandLine("report")
            .flag("json", json)
            .flag("paper", paper)
            .parse(arguments, {1, CommandLine::any_number, "a campaign's folder"});
    if (paper) {
        const std::filesystem::path pdf = analysis::write_paper({paths.begin(), paths.end()});
        if (json)
            print_json("report", {{"paper", pdf.string()}});
        else
            fmt::print("{}\n", pdf.string());
        return to_int(ExitCode::ok);
    }
    bool is_good = true;
    Json reports = Json::array();
    for (const std::string& path : paths) {
        Reported reported = report_on(path, !json);
        is_good &= reported.is_good;
        reports.push_back(std::move(reported.json));
    }
    if (json) print_json("report", reports);
    return to_int(is_good ? ExitCode::ok : ExitCode::claim_failed);
}

const RegisteredVerb entry{{"report", "makes charts, tables and verdicts from recorded campaigns",
                            help, run, VerbGroup::experiment}};

}  // namespace

Reported report_on(const std::filesystem::path& campaign, bool prints) {
    const analysis::ReportOutcome outcome = analysis::write_report(campaign);
    Json claims = Json::array();
    for (const analysis::ClaimResult& result : outcome.claims) {
        claims.push_back(json_of(result));
        if (prints) print_claim(result);
    }
    if (prints)
        for (const std::string& refusal : outcome.refusals) fmt::print("refused    {}\n", refusal);
    if (prints) fmt::print("{}\n", outcome.html.string());
    return {{{"campaign", campaign.string()},
             {"html", outcome.html.string()},
             {"markdown", outcome.markdown.string()},
             {"claims", claims},
             {"refused", outcome.refusals}},
            outcome.all_claims_hold() && outcome.refusals.empty()};
}

}  // namespace ring3
