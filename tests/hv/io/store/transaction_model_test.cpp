// SPDX-License-Identifier: MIT
// Random requests of several clients, in and out of transactions, against the plainest model of a
// store: a map. A transaction that succeeds must be as if all of it had happened at its end.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "hv/io/store/path.hpp"
#include "hv/io/store/store.hpp"

namespace ring3::store {
namespace {

constexpr DomainId tools{0};

/// What a client saw and did, to be done again on the model.
struct Step {
    enum class Kind { read, list, write, make, remove } kind;
    std::string path, value;
    Error error;
    std::string seen;
};

class Model {
public:
    Model() { nodes_["/"] = ""; }

    /// Does the step, and answers what its client must have seen.
    std::pair<Error, std::string> act(const Step& step) {
        const bool exists = nodes_.contains(step.path);
        switch (step.kind) {
            case Step::Kind::read:
                if (!exists) return {Error::noent, ""};
                return {Error::none, nodes_.at(step.path)};
            case Step::Kind::list:
                if (!exists) return {Error::noent, ""};
                return {Error::none, children(step.path)};
            case Step::Kind::make:
                if (!exists) make(step.path);
                return {Error::none, ""};
            case Step::Kind::write:
                make(step.path);
                nodes_[step.path] = step.value;
                return {Error::none, ""};
            case Step::Kind::remove:
                if (!exists)
                    return {nodes_.contains(std::string(parent_of(step.path))) ? Error::none
                                                                               : Error::noent,
                            ""};
                std::erase_if(nodes_, [&](const auto& node) {
                    return node.first == step.path || is_below(node.first, step.path);
                });
                return {Error::none, ""};
        }
        return {Error::io, ""};
    }
    const std::map<std::string, std::string>& nodes() const { return nodes_; }

private:
    void make(const std::string& path) {
        for (std::string_view at = path; at != "/"; at = parent_of(at)) nodes_.emplace(at, "");
    }
    std::string children(const std::string& path) const {
        std::string names;
        for (const auto& [each, value] : nodes_)
            if (each != "/" && parent_of(each) == path)
                names += each.substr(each.rfind('/') + 1) + " ";
        return names;
    }
    std::map<std::string, std::string> nodes_;
};

class StoreModel : public ::testing::Test {
protected:
    unsigned seed() const {
        const char* const given = std::getenv("RING3_SEED");
        return given != nullptr ? static_cast<unsigned>(std::atoi(given)) : 20240607u;
    }
    unsigned below(unsigned end) { return static_cast<unsigned>(random() % end); }

    Step random_step() {
        Step step;
        step.kind = static_cast<Step::Kind>(below(5));
        const unsigned depth = 1 + below(3);
        for (unsigned i = 0; i < depth; ++i) step.path += std::string("/") + "abc"[below(3)];
        step.value = std::to_string(below(1000));
        return step;
    }
    void ask(Step& step, Store::TransactionId in) {
        std::vector<std::string> names;
        std::uint64_t generation = 0;
        switch (step.kind) {
            case Step::Kind::read:
                step.error = store.read(tools, in, step.path, step.seen);
                break;
            case Step::Kind::list:
                step.error = store.directory(tools, in, step.path, names, generation);
                for (const std::string& name : names) step.seen += name + " ";
                break;
            case Step::Kind::write:
                step.error = store.write(tools, in, step.path, step.value);
                break;
            case Step::Kind::make:
                step.error = store.make_directory(tools, in, step.path);
                break;
            case Step::Kind::remove:
                step.error = store.remove(tools, in, step.path);
                break;
        }
    }
    void expect_same(const Step& step) {
        const auto [error, seen] = model.act(step);
        ASSERT_EQ(error_name(step.error), error_name(error)) << step.path;
        ASSERT_EQ(step.seen, seen) << step.path;
    }
    void expect_same_tree(const std::string& path = "/") {
        std::string value;
        ASSERT_EQ(store.read(tools, 0, path, value), Error::none) << path;
        ASSERT_TRUE(model.nodes().contains(path)) << path;
        ASSERT_EQ(value, model.nodes().at(path)) << path;
        ++seen_nodes;
        std::vector<std::string> names;
        std::uint64_t generation = 0;
        store.directory(tools, 0, path, names, generation);
        for (const std::string& name : names)
            expect_same_tree(path == "/" ? "/" + name : path + "/" + name);
    }

    struct Open {
        Store::TransactionId id;
        std::vector<Step> steps;
    };
    std::mt19937 random{seed()};
    Model model;
    Store store{[](DomainId, const std::string&, const std::string&) {}};
    std::size_t seen_nodes = 0;
};

TEST_F(StoreModel, makes_each_transaction_that_succeeds_happen_at_its_end) {
    SCOPED_TRACE("RING3_SEED=" + std::to_string(seed()));
    std::vector<Open> open;
    unsigned succeeded = 0, failed = 0;
    for (int round = 0; round < 60'000; ++round) {
        const unsigned what = below(10);
        if (what == 0 && open.size() < 4) {
            Store::TransactionId id = 0;
            ASSERT_EQ(store.start_transaction(tools, id), Error::none);
            open.push_back({id, {}});
        } else if (what == 1 && !open.empty()) {
            const auto which = open.begin() + below(static_cast<unsigned>(open.size()));
            const bool commits = below(5) != 0;
            const Error error = store.end_transaction(
                tools, which->id, commits ? Store::End::commit : Store::End::abort);
            if (commits && error == Error::none) {
                ++succeeded;
                for (const Step& step : which->steps) ASSERT_NO_FATAL_FAILURE(expect_same(step));
            } else {
                ASSERT_EQ(error_name(error), commits ? "EAGAIN" : "OK");
                failed += commits;
            }
            open.erase(which);
        } else if (what < 8 && !open.empty()) {
            Open& in = open[below(static_cast<unsigned>(open.size()))];
            in.steps.push_back(random_step());
            ask(in.steps.back(), in.id);
        } else {
            Step step = random_step();
            ask(step, 0);
            ASSERT_NO_FATAL_FAILURE(expect_same(step));
        }
        if (round % 100 == 0) {
            seen_nodes = 0;
            ASSERT_NO_FATAL_FAILURE(expect_same_tree());
            ASSERT_EQ(seen_nodes, model.nodes().size());
        }
    }
    EXPECT_GT(succeeded, 500u);
    EXPECT_GT(failed, 500u);
}

}  // namespace
}  // namespace ring3::store
