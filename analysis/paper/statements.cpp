// SPDX-License-Identifier: MIT
#include "analysis/paper/statements.hpp"

#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3::analysis {
namespace {

/// What stands in the braces that open at `at`, which moves behind them.
std::string braced(const std::string& tex, std::size_t& at) {
    std::size_t depth = 0;
    const std::size_t start = at;
    for (; at < tex.size(); ++at) {
        if (tex[at] == '{') ++depth;
        if (tex[at] == '}' && --depth == 0) return tex.substr(start + 1, at++ - start - 1);
    }
    throw ConfigError{fmt::format("\\checked has no end: {}", tex.substr(start, 60))};
}

/// Line breaks of the text are blanks.
std::string on_one_line(std::string text) {
    for (char& c : text)
        if (c == '\n') c = ' ';
    return text;
}

[[noreturn]] void refuse(const std::string& expression, const std::string& why) {
    throw ConfigError{fmt::format("\\checked{{{}}}: {}", expression, why)};
}

double term(const std::string& text, const std::string& expression,
            const std::vector<PublishedFigure>& published) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find("; ", at), text.size());
        parts.push_back(text.substr(at, end - at));
        at = end + 2;
    }
    if (parts.size() != 4) refuse(expression, "a term is \"figure; workload; platform; metric\"");
    const double value = published_value(published, parts[0], parts[1], parts[3], parts[2]);
    if (std::isnan(value)) refuse(expression, fmt::format("no figure \"{}\"", text));
    return value;
}

double left_side(const std::string& text, const std::string& expression,
                 const std::vector<PublishedFigure>& published) {
    for (const char* sign : {" / ", " - "}) {
        const std::size_t at = text.find(sign);
        if (at == text.npos) continue;
        const double first = term(text.substr(0, at), expression, published);
        const double second = term(text.substr(at + 3), expression, published);
        return sign[1] == '/' ? first / second : first - second;
    }
    return term(text, expression, published);
}

/// Half a unit of the last digit that is written.
double exactness(const std::string& number) {
    const std::size_t point = number.find('.');
    const std::size_t digits = point == number.npos ? 0 : number.size() - point - 1;
    return 0.5 * std::pow(10, -static_cast<double>(digits)) * (1 + 1e-9);
}

}  // namespace

std::vector<Statement> statements_in(const std::string& tex) {
    static const std::string macro = "\\checked{";
    std::vector<Statement> statements;
    for (std::size_t at = tex.find(macro); at != tex.npos; at = tex.find(macro, at)) {
        at += macro.size() - 1;
        Statement statement;
        statement.expression = on_one_line(braced(tex, at));
        if (at >= tex.size() || tex[at] != '{')
            throw ConfigError{
                fmt::format("\\checked{{{}}} has no words behind it", statement.expression)};
        statement.words = on_one_line(braced(tex, at));
        statements.push_back(statement);
    }
    return statements;
}

Evaluated evaluate_statement(const Statement& statement,
                             const std::vector<PublishedFigure>& published) {
    const std::string& expression = statement.expression;
    for (const std::string sign : {" >= ", " <= ", " = "}) {
        const std::size_t at = expression.rfind(sign);
        if (at == expression.npos) continue;
        const std::string right = expression.substr(at + sign.size());
        char* end = nullptr;
        const double number = std::strtod(right.c_str(), &end);
        if (right.empty() || *end != '\0') refuse(expression, "a number ends it");
        const double value = left_side(expression.substr(0, at), expression, published);
        const bool holds = sign == " >= "   ? value >= number
                           : sign == " <= " ? value <= number
                                            : std::abs(value - number) <= exactness(right);
        return {holds, value};
    }
    refuse(expression, "there is no =, <= or >= in it");
}

}  // namespace ring3::analysis
