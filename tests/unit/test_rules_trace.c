/* Why a rule does not match: one condition at a time, and never anything else than rules_judge
 * says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/access/rules_trace.h"

static const struct str users[] = {{"user", 4}}, pages[] = {{"/a*", 3}, {"/b", 2}},
                        lifted[] = {{"factory-reset", 13}};
static const struct rule_param names[] = {{.name = {"l", 1}}, {.name = {"x", 1}}};

static struct rules_trace ask(const struct rule *rule, const char *path, struct params *params,
                              enum rules_body body) {
    const struct profile profile = {.rules = rule, .rule_count = 1, .case_insensitive_paths = true};
    const struct rules_question q = {.role = STR("user"),
                                     .method = METHOD_GET,
                                     .path = str_of(path),
                                     .params = params,
                                     .body = body,
                                     .lifted = lifted,
                                     .lifted_count = 1};
    return rules_trace(&profile, 0, &q);
}

static void expect(struct rules_trace got, enum rules_miss miss, const char *parameter) {
    assert_string_equal(rules_miss_str(got.miss), rules_miss_str(miss));
    assert_true(str_equal(got.parameter, str_of(parameter)));
}

static void conditions_in_their_order(void **state) {
    (void)state;
    struct param none[1];
    struct params params = {none, 0, 0};
    struct rule rule = {.paths = pages, .path_count = 2, .allow = true};
    expect(ask(&rule, "/A.htm", &params, RULES_BODY_NONE), RULES_MISS_NONE, NULL);
    expect(ask(&rule, "/c", &params, RULES_BODY_NONE), RULES_MISS_PATH, NULL);
    rule.methods = 1U << METHOD_POST;
    expect(ask(&rule, "/c", &params, RULES_BODY_NONE), RULES_MISS_METHOD, NULL);
    static const struct str admins[] = {{"admin", 5}};
    rule.roles = admins;
    rule.role_count = 1;
    expect(ask(&rule, "/c", &params, RULES_BODY_NONE), RULES_MISS_ROLE, NULL);
    rule.roles = users;
    rule.methods = 0;
    expect(ask(&rule, "/b", &params, RULES_BODY_NONE), RULES_MISS_NONE, NULL);
}

static void what_an_allow_does_not_take(void **state) {
    (void)state;
    struct param sent[] = {{.name = STR("L")}, {.name = STR("reset")}, {.name = STR("x")}};
    struct params params = {sent, 3, 3};
    struct rule rule = {.paths = pages,
                        .path_count = 2,
                        .params = RULE_PARAMS_LISTED,
                        .parameters = names,
                        .param_count = 2,
                        .allow = true};
    expect(ask(&rule, "/b", &params, RULES_BODY_NONE), RULES_MISS_PARAMETER, "reset");
    params.count = 1;
    expect(ask(&rule, "/b", &params, RULES_BODY_SEEN), RULES_MISS_NONE, NULL);
    expect(ask(&rule, "/b", &params, RULES_BODY_UNSEEN), RULES_MISS_BODY_UNREAD, NULL);
    expect(ask(&rule, "/b", &params, RULES_BODY_UNREADABLE), RULES_MISS_BODY_UNREADABLE, NULL);
    rule.params = RULE_PARAMS_ABSENT;
    expect(ask(&rule, "/b", &params, RULES_BODY_NONE), RULES_MISS_PARAMETER, "L");
    params.count = 0;
    expect(ask(&rule, "/b", &params, RULES_BODY_SEEN), RULES_MISS_HAS_BODY, NULL);
    rule.params = RULE_PARAMS_ANY;
    expect(ask(&rule, "/b", &params, RULES_BODY_UNREADABLE), RULES_MISS_NONE, NULL);
}

static void what_makes_a_deny_match(void **state) {
    (void)state;
    struct param sent[] = {{.name = STR("a")}, {.name = STR("X")}};
    struct params params = {sent, 2, 2};
    struct rule rule = {.paths = pages,
                        .path_count = 2,
                        .params = RULE_PARAMS_LISTED,
                        .parameters = names,
                        .param_count = 2};
    expect(ask(&rule, "/b", &params, RULES_BODY_NONE), RULES_MISS_NONE, "X");
    params.count = 1;
    expect(ask(&rule, "/b", &params, RULES_BODY_NONE), RULES_MISS_NO_PARAMETER, NULL);
    expect(ask(&rule, "/b", &params, RULES_BODY_UNREADABLE), RULES_MISS_NONE, NULL);
    rule.class = lifted[0];
    expect(ask(&rule, "/b", &params, RULES_BODY_UNREADABLE), RULES_MISS_LIFTED, NULL);
    expect(ask(&rule, "/c", &params, RULES_BODY_UNREADABLE), RULES_MISS_PATH, NULL);
    rule.class = STR("minibrowser-url");
    expect(ask(&rule, "/b", &params, RULES_BODY_UNREADABLE), RULES_MISS_NONE, NULL);
}

/* xorshift: the same in every run. */
static unsigned below(uint64_t *seed, unsigned limit) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (unsigned)(*seed % limit);
}

static void the_first_that_matches_is_the_one_that_decides(void **state) {
    (void)state;
    static const struct str words[] = {{"user", 4}, {"l", 1}, {"x", 1}, {"factory-reset", 13}};
    uint64_t seed = 20261123;
    size_t decided = 0, by_none = 0;
    for (int round = 0; round < 20000; round++) {
        struct rule rules[5];
        struct param sent[2] = {{.name = words[1 + below(&seed, 2)]},
                                {.name = words[1 + below(&seed, 3)]}};
        struct params params = {sent, below(&seed, 3), 2};
        for (size_t i = 0; i < ARRAY_LEN(rules); i++)
            rules[i] = (struct rule){.roles = &words[below(&seed, 2)],
                                     .role_count = below(&seed, 2),
                                     .methods = below(&seed, 4),
                                     .paths = &pages[below(&seed, 2)],
                                     .path_count = 1,
                                     .params = (enum rule_params)below(&seed, 3),
                                     .parameters = &names[below(&seed, 2)],
                                     .param_count = 1,
                                     .class = below(&seed, 2) == 0 ? STR_NONE : words[3],
                                     .allow = below(&seed, 2) == 0};
        const struct profile profile = {.rules = rules, .rule_count = ARRAY_LEN(rules)};
        const struct rules_question q = {.role = STR("user"),
                                         .method = (enum method)below(&seed, 2),
                                         .path = pages[1],
                                         .params = &params,
                                         .body = (enum rules_body)below(&seed, 4),
                                         .lifted = lifted,
                                         .lifted_count = below(&seed, 2)};
        const struct rule *rule, *traced = NULL;
        if (rules_judge(&profile, &q, &rule) == RULES_NEED_BODY) continue;
        for (size_t i = 0; i < ARRAY_LEN(rules) && traced == NULL; i++)
            if (rules_trace(&profile, i, &q).miss == RULES_MISS_NONE) traced = &rules[i];
        assert_ptr_equal(traced, rule);
        decided += rule != NULL;
        by_none += rule == NULL;
    }
    assert_true(decided > 5000 && by_none > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_in_their_order),
        cmocka_unit_test(what_an_allow_does_not_take),
        cmocka_unit_test(what_makes_a_deny_match),
        cmocka_unit_test(the_first_that_matches_is_the_one_that_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
