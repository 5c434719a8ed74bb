// SPDX-License-Identifier: MIT
#include "hv/io/store/tree.hpp"

#include <gtest/gtest.h>

namespace ring3::store {
namespace {

const Permissions of_domain1{{DomainId{1}, Rights::none}};

TEST(Tree, has_a_root_of_domain_0_at_first) {
    const Tree tree;
    ASSERT_NE(tree.find("/"), nullptr);
    EXPECT_EQ(tree.owned_by(DomainId{0}).nodes, 1u);
    EXPECT_EQ(tree.find("/local"), nullptr);
}

TEST(Tree, keeps_values_and_children) {
    Tree tree;
    tree.put("/a", "1", of_domain1, 1);
    tree.put("/a/b", "2", of_domain1, 2);
    tree.put("/a", "3", of_domain1, 3);
    EXPECT_EQ(tree.find("/a")->value, "3");
    EXPECT_EQ(tree.find("/a/b")->value, "2");
    EXPECT_EQ(tree.owned_by(DomainId{1}).nodes, 2u);
}

TEST(Tree, changes_the_parents_generation_only_with_its_list_of_children) {
    Tree tree;
    tree.put("/a", "", of_domain1, 1);
    tree.put("/a/b", "", of_domain1, 2);
    EXPECT_EQ(tree.find("/a")->generation, 2u);
    tree.put("/a/b", "new", of_domain1, 3);
    EXPECT_EQ(tree.find("/a")->generation, 2u);
    tree.remove("/a/b", 4);
    EXPECT_EQ(tree.find("/a")->generation, 4u);
}

TEST(Tree, copies_as_a_snapshot) {
    Tree tree;
    tree.put("/a", "old", of_domain1, 1);
    const Tree snapshot = tree;
    tree.put("/a", "new", of_domain1, 2);
    tree.remove("/a", 3);
    EXPECT_EQ(snapshot.find("/a")->value, "old");
    EXPECT_EQ(tree.find("/a"), nullptr);
}

TEST(Tree, forgets_the_owners_of_all_that_is_removed) {
    Tree tree;
    tree.put("/a", "", of_domain1, 1);
    tree.put("/a/b", "", {{DomainId{2}, Rights::none}}, 2);
    tree.put("/a/b/c", "", of_domain1, 3);
    tree.remove("/a", 4);
    EXPECT_EQ(tree.owned_by(DomainId{1}).nodes, 0u);
    EXPECT_EQ(tree.owned_by(DomainId{2}).nodes, 0u);
}

TEST(Tree, counts_the_bytes_that_each_domain_owns) {
    Tree tree;
    const std::size_t before = tree.owned_by(DomainId{0}).bytes;
    tree.put("/a", std::string(100, 'x'), of_domain1, 1);
    EXPECT_GE(tree.owned_by(DomainId{1}).bytes, 100u);
    tree.put("/a/b", "", of_domain1, 2);
    tree.put("/a", "y", of_domain1, 3);
    tree.put("/a/b", "", {{DomainId{2}, Rights::none}}, 4);
    tree.remove("/a", 5);
    EXPECT_EQ(tree.owned_by(DomainId{0}).bytes, before);
    EXPECT_EQ(tree.owned_by(DomainId{1}).bytes, 0u);
}

TEST(Tree, copies_only_what_a_snapshot_still_holds) {
    Tree tree;
    for (int i = 0; i < 100; ++i) tree.put("/" + std::to_string(i), "", of_domain1, 1);
    EXPECT_EQ(tree.churn(), 0u) << "nobody else holds these nodes";
    const Tree snapshot = tree;
    tree.put("/1", "x", of_domain1, 2);
    const std::uint64_t once = tree.churn();
    EXPECT_GT(once, 0u);
    tree.put("/1", "y", of_domain1, 3);
    EXPECT_EQ(tree.churn(), once);
    EXPECT_EQ(snapshot.find("/1")->value, "");
}

TEST(Tree, makes_rights_of_a_domain_that_is_gone_stale) {
    Tree tree;
    tree.put("/a", "", {{DomainId{1}, Rights::none}, {DomainId{2}, Rights::both}}, 1);
    tree.put("/a/b", "", {{DomainId{2}, Rights::none}}, 2);
    EXPECT_EQ(tree.owned_roots(DomainId{2}), std::vector<std::string>{"/a/b"});
    tree.forget_rights(DomainId{2}, 3);
    EXPECT_EQ(rights_of(DomainId{2}, *tree.find("/a")), Rights::none);
}

TEST(Tree, finds_the_nearest_node_above_a_missing_one) {
    Tree tree;
    tree.put("/a", "here", of_domain1, 1);
    EXPECT_EQ(tree.nearest("/a/b/c"), "/a");
    EXPECT_EQ(tree.nearest("/x/y"), "/");
}

TEST(Tree, gives_all_rights_to_the_owner_and_to_domain_0) {
    Node node;
    node.permissions = {{DomainId{1}, Rights::none}, {DomainId{2}, Rights::read}};
    EXPECT_EQ(rights_of(DomainId{0}, node), Rights::both);
    EXPECT_EQ(rights_of(DomainId{1}, node), Rights::both);
    EXPECT_EQ(rights_of(DomainId{2}, node), Rights::read);
    EXPECT_EQ(rights_of(DomainId{3}, node), Rights::none);
}

}  // namespace
}  // namespace ring3::store
