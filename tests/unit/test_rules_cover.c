/* Rules that can never decide: what is said of them, and that it is true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "policy/access/rules.h"
#include "policy/access/rules_cover.h"
#include "policy/access/urlpath.h"

#define S(lit)                                                                                     \
    { (lit), sizeof(lit) - 1 }

/* ---- brute force: whatever is asked, a rule that is said to be covered never decides ---- */

static const struct str paths[] = {S("*"),  S("/*"), S("/a"),   S("/a*"),    S("/a*b"),
                                   S("*b"), S("/A"), S("/*/*"), S("/b*a*b"), S("/a?b")};
static const struct str asked[] = {S("/"),    S("/a"),  S("/A"),   S("/b"),   S("/ab"),
                                   S("/aab"), S("/ba"), S("/a/b"), S("/bab"), S("/b/ab")};
static const struct str roles[] = {S("user"), S("admin"), S("desk")};
static const struct str classes[] = {S("step1"), S("step2")};
static const char *const entry_texts[] = {"x",    "x*",     "*", "X=1", "x=1|2",
                                          "x!=1", "x!=1|2", "y", "x="};
static struct rule_param entries[ARRAY_LEN(entry_texts)];

static const struct param sent[] = {
    {.name = S("x")},
    {.name = S("x"), .value = S("1"), .kind = PARAM_VALUE_TEXT},
    {.name = S("X"), .value = S("2"), .kind = PARAM_VALUE_TEXT},
    {.name = S("x"), .value = S("3"), .kind = PARAM_VALUE_TEXT},
    {.name = S("x"), .value = S(""), .kind = PARAM_VALUE_TEXT},
    {.name = S("x"), .value = S("1"), .kind = PARAM_VALUE_UNCLEAR},
    {.name = S("xy"), .value = S("1"), .kind = PARAM_VALUE_TEXT},
    {.name = S("y"), .value = S("1"), .kind = PARAM_VALUE_TEXT},
    {.name = S("z"), .value = S("1"), .kind = PARAM_VALUE_TEXT},
};

static unsigned next(unsigned below) {
    static uint64_t state = 20261123;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % below;
}

static void random_rule(struct rule *rule) {
    unsigned path = next(ARRAY_LEN(paths)), entry = next(ARRAY_LEN(entries));
    unsigned most = (unsigned)ARRAY_LEN(paths) - path;
    *rule = (struct rule){.allow = next(2) == 1, .params = (enum rule_params)next(3)};
    rule->role_count = next(3);
    rule->roles = &roles[next(2)];
    rule->methods = next(3) == 0 ? 0 : next(8);
    rule->paths = &paths[path];
    rule->path_count = 1 + next(most < 2 ? most : 2);
    if (rule->params == RULE_PARAMS_LISTED) {
        rule->parameters = &entries[entry];
        rule->param_count = entry + 1 < ARRAY_LEN(entries) ? 1 + next(2) : 1;
    }
    if (!rule->allow && next(4) == 0) rule->class = classes[next(2)];
}

/* Every question there is in this small world; `decides[i]` says whether rule i ever did. */
static void ask_all(const struct profile *profile, bool decides[]) {
    static const enum rules_body bodies[] = {RULES_BODY_NONE, RULES_BODY_SEEN,
                                             RULES_BODY_UNREADABLE};
    struct param list[2];
    for (size_t n = 0; n < ARRAY_LEN(asked) * ARRAY_LEN(roles) * 3 * 3 * 3; n++) {
        struct rules_question q = {
            .path = asked[n % ARRAY_LEN(asked)],
            .role = roles[n / ARRAY_LEN(asked) % ARRAY_LEN(roles)],
            .method = (enum method)(n / 30 % 3),
            .body = bodies[n / 90 % 3],
            .lifted = classes,
            .lifted_count = n / 270 % 3,
        };
        for (size_t p = 0; p <= ARRAY_LEN(sent) * (ARRAY_LEN(sent) + 1); p++) {
            size_t one = p % (ARRAY_LEN(sent) + 1), two = p / (ARRAY_LEN(sent) + 1);
            size_t count = 0;
            if (one < ARRAY_LEN(sent)) list[count++] = sent[one];
            if (two < ARRAY_LEN(sent)) list[count++] = sent[two];
            const struct params params = {list, count, count};
            const struct rule *rule;
            q.params = &params;
            (void)!rules_judge(profile, &q, &rule);
            if (rule != NULL) decides[rule - profile->rules] = true;
        }
    }
}

static void a_rule_that_is_said_to_be_covered_never_decides(void **state) {
    (void)state;
    unsigned found = 0;
    struct rule rules[4];
    for (unsigned round = 0; found < 150 && round < 20000; round++) {
        for (size_t i = 0; i < ARRAY_LEN(rules); i++) random_rule(&rules[i]);
        const struct profile profile = {.rules = rules,
                                        .rule_count = ARRAY_LEN(rules),
                                        .case_insensitive_paths = round % 2 == 1};
        bool covered[ARRAY_LEN(rules)], any = false, decides[ARRAY_LEN(rules)] = {false};
        for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
            const struct rule *by = NULL;
            bool alone;
            covered[i] = rules_is_covered(&profile, i, roles, ARRAY_LEN(roles), &by, &alone);
            any = any || covered[i];
            if (covered[i]) assert_true(by != NULL && by < &rules[i]);
        }
        if (!any) continue;
        ask_all(&profile, decides);
        for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
            found += covered[i];
            if (covered[i] && decides[i]) fail_msg("round %u: rule %zu decides", round, i);
        }
    }
    assert_true(found >= 150);
}

/* ---- by hand ---- */

struct pair {
    const char *says;
    struct rule earlier, later;
    bool covered;
};

#define ALL    .paths = &paths[0], .path_count = 1
#define PAGE   .paths = &paths[2], .path_count = 1
#define PAGES  .paths = &paths[3], .path_count = 1
#define ONE(e) .params = RULE_PARAMS_LISTED, .parameters = &entries[e], .param_count = 1
#define ANY    .params = RULE_PARAMS_ANY
#define USER   .roles = &roles[0], .role_count = 1
#define BOTH   .roles = &roles[0], .role_count = 2
#define EVERY  .roles = &roles[0], .role_count = 3
#define GET    .methods = 1U << METHOD_GET

static const struct pair pairs[] = {
    {"everything is refused", {ALL}, {PAGE, .allow = true}, true},
    {"the same twice", {PAGE, .allow = true}, {PAGE, .allow = true}, true},
    {"a wider path", {PAGES, .allow = true}, {PAGE, .allow = true}, true},
    {"a narrower path", {PAGE, .allow = true}, {PAGES, .allow = true}, false},
    {"anything goes", {ALL, ANY, .allow = true}, {PAGE}, true},
    {"nothing but bare pages", {ALL, .allow = true}, {PAGE}, false},
    {"nothing but bare pages", {ALL, .allow = true}, {PAGE, ANY, .allow = true}, false},
    {"nothing but bare pages", {ALL, .allow = true}, {PAGE, ONE(0), .allow = true}, false},
    {"a listed parameter", {ALL, ONE(0), .allow = true}, {PAGE, .allow = true}, true},
    {"a listed parameter", {ALL, ONE(0), .allow = true}, {PAGE, ONE(0), .allow = true}, true},
    {"any value, then one", {ALL, ONE(0), .allow = true}, {PAGE, ONE(3), .allow = true}, true},
    {"one value, then any", {ALL, ONE(3), .allow = true}, {PAGE, ONE(0), .allow = true}, false},
    {"more values", {ALL, ONE(4)}, {PAGE, ONE(3)}, true},
    {"fewer values", {ALL, ONE(3)}, {PAGE, ONE(4)}, false},
    {"fewer that are not", {ALL, ONE(5)}, {PAGE, ONE(6)}, true},
    {"more that are not", {ALL, ONE(6)}, {PAGE, ONE(5)}, false},
    {"a refused parameter", {ALL, ONE(0)}, {PAGE, ONE(0), .allow = true}, false},
    {"a refused parameter", {ALL, ONE(0)}, {PAGE, ONE(3)}, true},
    {"a refused parameter", {ALL, ONE(0)}, {PAGE}, false},
    {"fewer roles", {PAGE, USER}, {PAGE}, false},
    {"every role there is", {PAGE, EVERY}, {PAGE}, true},
    {"more roles", {PAGE, BOTH}, {PAGE, USER}, true},
    {"other roles", {PAGE, USER}, {PAGE, BOTH}, false},
    {"fewer methods", {PAGE, GET}, {PAGE}, false},
    {"more methods", {PAGE}, {PAGE, GET}, true},
    {"an exception may lift it", {PAGE, .class = S("step1")}, {PAGE}, false},
    {"another exception", {PAGE, .class = S("step1")}, {PAGE, .class = S("step2")}, false},
    {"the same exception", {PAGE, .class = S("step1")}, {PAGE, .class = S("step1")}, true},
};

static void pairs_of_rules(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        const struct rule rules[] = {pairs[i].earlier, pairs[i].later};
        const struct profile profile = {.rules = rules, .rule_count = 2};
        const struct rule *by;
        bool alone;
        bool covered = rules_is_covered(&profile, 1, roles, ARRAY_LEN(roles), &by, &alone);
        if (covered != pairs[i].covered) fail_msg("pair %zu: %s", i, pairs[i].says);
        if (covered) assert_true(by == &rules[0] && alone);
        assert_false(rules_is_covered(&profile, 0, roles, ARRAY_LEN(roles), &by, &alone));
    }
}

static void several_rules_together(void **state) {
    (void)state;
    const struct rule rules[] = {
        {PAGE, USER}, {PAGE, .roles = &roles[1], .role_count = 2, GET}, {PAGE, GET}, {PAGE}};
    const struct profile profile = {.rules = rules, .rule_count = 4};
    const struct rule *by;
    bool alone;
    assert_true(rules_is_covered(&profile, 2, roles, ARRAY_LEN(roles), &by, &alone));
    assert_false(alone);
    assert_false(rules_is_covered(&profile, 3, roles, ARRAY_LEN(roles), &by, &alone));
}

static void patterns_that_no_path_can_match(void **state) {
    (void)state;
    static const struct str never[] = {
        S("/a?b=1"),  S("/a#b"), S("/a;b"), S("/a\\b"),  S("/a//b"),  S("//*"),  S("/./a"),
        S("/a/../b"), S("/a/."), S("*/.."), S("/a%20b"), S("/a%2f*"), S("*\x7f")};
    static const struct str fine[] = {S("*"),   S("/"),      S("/a.htm"),    S("*/.*"),
                                      S("/a%"), S("/a%2"),   S("/..."),      S("*.htm/*"),
                                      S("/.x"), S("/a%*20"), S("/\xc3\xa9"), S("/a b")};
    for (size_t i = 0; i < ARRAY_LEN(never); i++) assert_false(rules_path_is_possible(never[i]));
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) assert_true(rules_path_is_possible(fine[i]));
}

/* All raw paths of up to five of these characters: none becomes what no pattern can match. */
static void no_canonical_path_is_called_impossible(void **state) {
    (void)state;
    static const char alphabet[] = "/.a%;2fF?\\";
    char raw[6];
    struct arena arena;
    arena_init(&arena, 1 << 16);
    for (unsigned n = 0; n < 10 * 10 * 10 * 10 * 10; n++) {
        unsigned rest = n;
        raw[0] = '/';
        for (size_t i = 1; i < sizeof(raw); i++, rest /= 10) raw[i] = alphabet[rest % 10];
        struct urlpath path;
        arena_reset(&arena);
        if (urlpath_canonical((struct str){raw, sizeof(raw)}, &arena, &path) != URLPATH_OK)
            continue;
        if (!rules_path_is_possible(path.decoded)) fail_msg("%.6s", raw);
    }
    arena_release(&arena);
}

static int setup(void **state) {
    (void)state;
    static struct arena arena;
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(entries); i++)
        if (rule_param_parse(str_of(entry_texts[i]), &arena, &entries[i]) != RULE_PARAM_OK)
            return -1;
    *state = &arena;
    return 0;
}

static int teardown(void **state) {
    arena_release(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_that_is_said_to_be_covered_never_decides),
        cmocka_unit_test(pairs_of_rules),
        cmocka_unit_test(several_rules_together),
        cmocka_unit_test(patterns_that_no_path_can_match),
        cmocka_unit_test(no_canonical_path_is_called_impossible),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
