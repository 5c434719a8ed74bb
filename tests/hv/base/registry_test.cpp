// SPDX-License-Identifier: MIT
#include "hv/base/registry.hpp"

#include <gtest/gtest.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

class Cook {
public:
    static constexpr const char* kind = "cook";
    virtual ~Cook() = default;
    virtual std::int64_t eggs() = 0;
};

class Baker final : public Cook {
public:
    explicit Baker(Params& params) : eggs_(params.integer("eggs", 3, {0, 12}, "per cake")) {}
    std::int64_t eggs() override { return eggs_; }

private:
    std::int64_t eggs_;
};

class Pantry {
public:
    std::int64_t eggs = 7;
};

/// A kind whose policies need more than their parameters.
class Shopper {
public:
    static constexpr const char* kind = "shopper";
    using Factory = std::unique_ptr<Shopper> (*)(Params&, Pantry&);
    virtual ~Shopper() = default;
    virtual void shop() = 0;
};

class Weekly final : public Shopper {
public:
    Weekly(Params&, Pantry& pantry) : pantry_(pantry) {}
    void shop() override { pantry_.eggs += 10; }

private:
    Pantry& pantry_;
};

const Registered<Cook, Baker> baker{"baker", "cakes and bread"};
const Registered<Cook, Baker> pastry{"pastry", "more cakes"};
const Registered<Shopper, Weekly> weekly{"weekly", "once a week"};

TEST(Registry, makes_a_policy_by_name_with_its_parameters) {
    Params params("cook");
    params.set("eggs", {std::int64_t{5}, "lab.toml:2"});
    EXPECT_EQ(Registry<Cook>::create("baker", params)->eggs(), 5);
}

TEST(Registry, hands_over_what_the_kind_needs) {
    Params params("shopper");
    Pantry pantry;
    Registry<Shopper>::create("weekly", params, pantry)->shop();
    EXPECT_EQ(pantry.eggs, 17);
}

TEST(Registry, lists_what_exists_when_a_name_is_unknown) {
    Params params("cook");
    params.set_origin("lab.toml:1");
    try {
        Registry<Cook>::create("bakre", params);
        FAIL() << "an unknown name was accepted";
    } catch (const ConfigError& error) {
        EXPECT_STREQ(
            error.what(),
            "lab.toml:1: there is no cook \"bakre\" (did you mean \"baker\"?); there are:\n"
            "  baker   cakes and bread\n"
            "  pastry  more cakes");
    }
}

TEST(Registry, refuses_a_parameter_that_the_policy_does_not_have) {
    Params params("cook");
    params.set("flour", {std::int64_t{5}, "lab.toml:2"});
    EXPECT_THROW(Registry<Cook>::create("baker", params), ConfigError);
}

TEST(Registry, is_in_the_order_of_the_names) {
    const auto names = Registry<Cook>::names();
    ASSERT_EQ(names.size(), 2u);
    EXPECT_EQ(names[0].name, "baker");
    EXPECT_EQ(names[1].name, "pastry");
}

}  // namespace
}  // namespace ring3
