// SPDX-License-Identifier: MIT
#include "analysis/report/report.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "analysis/report/evaluation.hpp"

namespace ring3::analysis {
namespace {

namespace fs = std::filesystem;

std::string summary_of(const Campaign& campaign) {
    std::size_t ok = 0;
    for (const Run& run : campaign.runs) ok += run.status == Status::ok;
    return fmt::format(
        "{} cells, {} runs, {} of them to their end; the baseline is {}. Recorded by {}.",
        campaign.cells.size(), campaign.runs.size(), ok,
        campaign.baseline.empty() ? "not named" : campaign.baseline, campaign.generator);
}

Document document_of(const Evaluation& evaluation) {
    const Campaign& campaign = evaluation.campaign;
    Document document;
    document.title = campaign.title.empty() ? campaign.name : campaign.title;
    if (!campaign.question.empty()) document.paragraph(campaign.question);
    document.paragraph(summary_of(campaign));
    add_figure3(evaluation, document);
    add_scores(evaluation, document);
    add_claims(evaluation, document);
    add_sweeps(evaluation, document);
    add_paper_tables(evaluation, document);
    add_programs(evaluation, document);
    add_steady(evaluation, document);
    add_spread(evaluation, document);
    add_at_work(evaluation, document);
    add_timelines(evaluation, document);
    add_losses(evaluation, document);
    add_run_order(evaluation, document);
    add_environment(evaluation, document);
    add_method(evaluation, document);
    return document;
}

void write_file(const fs::path& path, const std::string& text) {
    // Whole or not at all: a report that is there is a complete one.
    const fs::path unfinished = path.string() + ".unfinished";
    std::ofstream file(unfinished, std::ios::binary);
    file << text;
    if (!file.flush())
        throw std::system_error{errno, std::generic_category(), "cannot write " + path.string()};
    file.close();
    fs::rename(unfinished, path);
}

}  // namespace

bool ReportOutcome::all_claims_hold() const {
    return std::ranges::none_of(
        claims, [](const ClaimResult& claim) { return claim.verdict == Verdict::not_met; });
}

ReportOutcome write_report(const fs::path& path) {
    const Evaluation evaluation = evaluate(load_campaign(path));
    const Document document = document_of(evaluation);
    const fs::path folder = evaluation.campaign.folder / "report";
    fs::create_directories(folder);
    for (const Block& block : document.blocks)
        if (const Chart* chart = std::get_if<Chart>(&block)) draw(*chart, folder);
    ReportOutcome outcome{folder / "report.html", folder / "REPORT.md", evaluation.claims, {}};
    for (const Evaluation::Refusal& refusal : evaluation.refusals)
        outcome.refusals.push_back(refusal.text);
    write_file(outcome.html, html_of(document, folder));
    write_file(outcome.markdown, markdown_of(document));
    return outcome;
}

}  // namespace ring3::analysis
