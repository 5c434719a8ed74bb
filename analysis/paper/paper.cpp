// SPDX-License-Identifier: MIT
#include "analysis/paper/paper.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "analysis/charts/program.hpp"
#include "analysis/report/evaluation.hpp"
#include "analysis/text/numbers.hpp"
#include "build_info.hpp"
#include "hv/base/errors.hpp"

namespace ring3::analysis {
namespace {

namespace fs = std::filesystem;

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '\\')
            result += "\\textbackslash{}";
        else if (c == '~' || c == '^')
            result += fmt::format("\\{}{{}}", c);
        else if (std::string_view{"&%$#_{}"}.find(c) != std::string_view::npos)
            result += fmt::format("\\{}", c);
        else if (static_cast<unsigned char>(c) >= 0x80)
            result += '?';
        else
            result += c == '\n' ? ' ' : c;
        // "domains.neighbour.program=hostile" is too long for a column.
        if (c == '=') result += "\\allowbreak{}";
    }
    return result;
}

/// Tables have few columns of numbers and may be longer than a page.
std::string latex_of(const Table& table, const std::string& columns) {
    constexpr std::size_t most_in_small = 8;
    const char* const size = table.head.size() > most_in_small
                                 ? "\\footnotesize\\setlength{\\tabcolsep}{2.5pt}"
                                 : "\\small";
    std::string text = fmt::format("\\begingroup{}\n\\begin{{longtable}}{{{}}}\n", size, columns);
    text += fmt::format("\\caption{{{}}}\\\\\n\\hline\n", escaped(table.caption));
    const auto add_row = [&](const std::vector<std::string>& row) {
        for (std::size_t i = 0; i < row.size(); ++i)
            text += (i == 0 ? "" : " & ") + escaped(row[i]);
        text += "\\\\\n";
    };
    add_row(table.head);
    text += "\\hline\\noalign{\\vskip 3pt}\\endhead\n";
    for (const auto& row : table.rows) add_row(row);
    return text + "\\hline\n\\end{longtable}\\endgroup\n";
}

void write_file(const fs::path& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    if (!file.flush())
        throw std::system_error{errno, std::generic_category(), "cannot write " + path.string()};
}

/// The tables that a section of the report has, in their order.
template <typename Section>
std::vector<Table> tables_of(const Evaluation& evaluation, Section section) {
    Document document;
    section(evaluation, document);
    std::vector<Table> tables;
    for (const Block& block : document.blocks)
        if (const Table* table = std::get_if<Table>(&block)) tables.push_back(*table);
    return tables;
}

std::string columns_of(const Table& table) { return "l" + std::string(table.head.size() - 1, 'r'); }

class Paper {
public:
    Paper(const std::vector<fs::path>& campaigns, fs::path folder) : folder_(std::move(folder)) {
        for (const fs::path& path : campaigns)
            evaluations_.push_back(evaluate(load_campaign(path)));
    }

    void write() {
        fs::create_directories(generated());
        for (const auto& entry : fs::directory_iterator(paper_folder()))
            if (entry.path().extension() == ".tex")
                fs::copy_file(entry.path(), folder_ / entry.path().filename(),
                              fs::copy_options::overwrite_existing);
        write_file(generated() / "numbers.tex", numbers());
        write_file(generated() / "figure3.tex", figure3());
        write_file(generated() / "scores.tex", scores());
        write_file(generated() / "differences.tex", differences());
        write_file(generated() / "lost.tex", lost());
        write_file(generated() / "tables.tex", tables());
        write_file(generated() / "isolation.tex", isolation());
        write_file(generated() / "claims.tex", claims());
        write_file(generated() / "environment.tex", environment());
    }

private:
    fs::path generated() const { return folder_ / "generated"; }

    std::string numbers() const;
    std::string figure3() const;
    std::string scores() const;
    std::string differences() const;
    std::string lost() const;
    std::string tables() const;
    std::string isolation() const;
    std::string claims() const;
    std::string environment() const;

    const fs::path folder_;
    std::vector<Evaluation> evaluations_;
};

std::string Paper::numbers() const {
    std::string text;
    std::set<std::string> known;
    for (const Evaluation& evaluation : evaluations_)
        for (const Suite& suite : suites_of(evaluation)) {
            if (suite.row == nullptr) continue;
            for (const Measured& one : evaluation.measured) {
                const Measured* const base = evaluation.baseline_of(one);
                if (!suite.holds(one) || base == nullptr) continue;
                const Score result = score(one, *base, suite.members);
                const std::string name =
                    fmt::format("speed@{}@{}", suite.row->title, one.point.platform_kind);
                if (result.speed && known.insert(name).second)
                    text += fmt::format("\\expandafter\\def\\csname {}\\endcsname{{{}}}\n", name,
                                        ratio_text(result.speed->value));
            }
        }
    return text;
}

std::string Paper::figure3() const {
    for (const Evaluation& evaluation : evaluations_)
        if (const std::optional<Chart> chart = figure3_chart(evaluation)) {
            draw_pdf(*chart, generated());
            return fmt::format(
                "\\begin{{figure}}[t]\n\\includegraphics[width=\\textwidth]{{generated/{}.pdf}}\n"
                "\\caption{{{} Campaign: {}.}}\\label{{figure3}}\n\\end{{figure}}\n",
                chart->name, escaped(chart->caption), escaped(evaluation.campaign.name));
        }
    return "\\begin{figure}[t]\\caption{No campaign has a row of figure 3.}\\label{figure3}"
           "\\end{figure}\n";
}

std::string Paper::scores() const {
    std::string text;
    for (const Evaluation& evaluation : evaluations_)
        for (Table table : tables_of(evaluation, add_scores)) {
            table.caption =
                fmt::format("Scores of {}. {}", evaluation.campaign.name, table.caption);
            text += latex_of(table, "P{25mm}P{34mm}rlP{20mm}rP{20mm}");
        }
    return text;
}

std::string Paper::differences() const {
    for (const Evaluation& evaluation : evaluations_)
        for (const Table& table : tables_of(evaluation, add_figure3))
            return latex_of(table, "llP{70mm}l");
    return "";
}

std::string Paper::lost() const {
    std::string text;
    for (const Evaluation& evaluation : evaluations_)
        for (const Table& table : tables_of(evaluation, add_losses))
            text += latex_of(table, "rllP{20mm}P{60mm}");
    return text.empty() ? "Every run came to its end.\n" : text;
}

std::string Paper::tables() const {
    std::string text;
    for (const Evaluation& evaluation : evaluations_)
        for (const Table& table : tables_of(evaluation, add_paper_tables))
            text += latex_of(table, columns_of(table));
    return text.empty() ? "None of the rows of tables 3 to 6 was measured in these campaigns.\n"
                        : text;
}

/// The bars over the programs of a neighbour.
std::string Paper::isolation() const {
    std::string text;
    for (const Evaluation& evaluation : evaluations_) {
        Document document;
        add_categories(evaluation, document);
        for (const Block& block : document.blocks) {
            const Chart* const chart = std::get_if<Chart>(&block);
            if (chart == nullptr || chart->name.find("-program-") == std::string::npos) continue;
            draw_pdf(*chart, generated());
            text += fmt::format(
                "\\begin{{figure}}[ht]\n\\includegraphics[width=\\textwidth]{{generated/{}.pdf}}\n"
                "\\caption{{{}: {} Campaign: {}.}}\n\\end{{figure}}\n",
                chart->name, escaped(chart->title), escaped(chart->caption),
                escaped(evaluation.campaign.name));
        }
    }
    return text.empty() ? "None of these campaigns has a domain with several neighbours.\n" : text;
}

std::string Paper::claims() const {
    std::string text;
    for (const Evaluation& evaluation : evaluations_)
        for (const Table& table : tables_of(evaluation, add_claims))
            text += latex_of(table, "lP{36mm}P{24mm}P{15mm}rrP{22mm}");
    return text.empty() ? "The descriptors of these campaigns make no claims.\n" : text;
}

std::string Paper::environment() const {
    std::string text;
    for (const Evaluation& evaluation : evaluations_) {
        const auto found = tables_of(evaluation, add_environment);
        for (Table table : found) {
            table.caption = fmt::format("Environment of {}.", evaluation.campaign.name);
            text += latex_of(table, "lP{110mm}");
        }
    }
    return text;
}

/// The last of what it says: errors stand there.
std::string end_of(const std::string& text) {
    constexpr std::size_t most = 600;
    return text.size() <= most ? text : "..." + text.substr(text.size() - most);
}

}  // namespace

fs::path paper_folder() {
    const char* root = std::getenv("RING3_ROOT");
    return fs::path{root != nullptr && *root != '\0' ? root : build_info::source_root} / "paper";
}

fs::path write_paper(const std::vector<fs::path>& campaigns) {
    const fs::path& first = campaigns.at(0);
    const fs::path folder =
        (fs::is_directory(first) ? first : first.parent_path()) / "report" / "paper";
    Paper{campaigns, folder}.write();
    // Twice: references are known the second time.
    for (int pass = 0; pass < 2; ++pass) {
        const ProgramOutcome outcome = run_program(
            {"pdflatex", "-interaction=nonstopmode", "-halt-on-error", "evaluation.tex"}, folder);
        if (outcome.code == 127)
            throw EnvironmentError{fmt::format(
                "pdflatex is not installed, and it makes the PDF: apt install texlive-latex-base; "
                "the text with its tables and figures is in {}",
                folder.string())};
        if (outcome.code != 0)
            throw EnvironmentError{fmt::format("pdflatex failed on {}: {}",
                                               (folder / "evaluation.tex").string(),
                                               end_of(outcome.said))};
    }
    return folder / "evaluation.pdf";
}

}  // namespace ring3::analysis
