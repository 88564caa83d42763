#include <stdlib.h>

#include "policy/access/grants.h"
#include "policy/access/rules.h"
#include "tests/unit/access_vectors.h"

#define LIST_MAX 8

/* One profile as the table builds it up; text lives in `arena`. */
struct table {
    struct arena arena;
    struct rule rules[16];
    struct str lists[16][4][LIST_MAX];
    struct rule_param parameters[16][LIST_MAX];
    struct profile profile;
};

static size_t split_list(struct table *t, struct str text, struct str out[LIST_MAX]) {
    size_t count = 0;
    struct str copy = arena_copy(&t->arena, text), piece;
    while (str_split(&copy, ',', &piece)) {
        assert_true(count < LIST_MAX);
        out[count++] = piece;
    }
    return count;
}

static void set_methods(struct rule *rule, struct str text) {
    struct str piece;
    while (str_split(&text, ',', &piece)) {
        enum method method;
        assert_true(method_from(piece, &method));
        rule->methods |= 1u << method;
    }
}

static void set_key(struct table *t, size_t at, struct str key, struct str value) {
    struct rule *rule = &t->rules[at];
    if (str_equal(key, STR("roles"))) {
        rule->roles = t->lists[at][0];
        rule->role_count = split_list(t, value, t->lists[at][0]);
    } else if (str_equal(key, STR("methods"))) {
        set_methods(rule, value);
    } else if (str_equal(key, STR("paths"))) {
        rule->paths = t->lists[at][1];
        rule->path_count = split_list(t, value, t->lists[at][1]);
    } else if (str_equal(key, STR("class"))) {
        rule->class = arena_copy(&t->arena, value);
    } else if (str_equal(key, STR("params")) && str_equal(value, STR("*"))) {
        rule->params = RULE_PARAMS_ANY;
    } else if (str_equal(key, STR("params"))) {
        rule->params = RULE_PARAMS_LISTED;
        rule->parameters = t->parameters[at];
        rule->param_count = split_list(t, value, t->lists[at][2]);
        for (size_t i = 0; i < rule->param_count; i++) {
            assert_int_equal(rule_param_parse(t->lists[at][2][i], &t->arena, &t->parameters[at][i]),
                             RULE_PARAM_OK);
        }
    } else {
        fail_msg("unknown key " STR_FMT, STR_ARG(key));
    }
}

static void add_rule(struct table *t, const struct vectors *v) {
    size_t at = t->profile.rule_count++;
    assert_true(at < ARRAY_LEN(t->rules));
    t->rules[at] = (struct rule){
        .name = arena_copy(&t->arena, v->column[1]),
        .allow = str_equal(v->column[2], STR("allow")),
    };
    assert_true(t->rules[at].allow || str_equal(v->column[2], STR("deny")));
    struct str rest = v->column[3], piece;
    while (str_split(&rest, ' ', &piece)) {
        size_t equals = str_find(piece, '=', 0);
        set_key(t, at, str_part(piece, 0, equals), str_part(piece, equals + 1, piece.len));
    }
}

static enum rules_body read_body(struct table *t, struct str text, struct params *params) {
    if (str_equal(text, STR("none"))) return RULES_BODY_NONE;
    if (str_equal(text, STR("unseen"))) return RULES_BODY_UNSEEN;
    if (str_equal(text, STR("too-long"))) return RULES_BODY_UNREADABLE;
    assert_true(str_starts_with(text, STR("seen:")));
    struct str names[LIST_MAX];
    size_t count = text.len > 5 ? split_list(t, str_part(text, 5, text.len), names) : 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(params_add_loose(params, names[i], true, &t->arena));
    }
    return RULES_BODY_SEEN;
}

static void ask(struct table *t, const struct vectors *v) {
    static const char *const verdicts[] = {"deny", "unread", "allow", "need_body"};
    assert_int_equal(v->count, 8);
    struct params params = {0};
    struct str target = v->column[4];
    size_t path_len = str_find(target, '?', 0);
    assert_int_equal(
        params_add_urlencoded(&params, str_part(target, path_len + 1, target.len), &t->arena),
        PARAMS_OK);
    struct str role = v->column[2];
    struct str lifted = str_part(role, str_find(role, '+', 0) + 1, role.len);
    struct rules_question q = {
        .role = str_part(role, 0, str_find(role, '+', 0)),
        .path = str_part(target, 0, path_len),
        .params = &params,
        .lifted = &lifted,
        .lifted_count = lifted.len > 0,
    };
    assert_true(method_from(v->column[3], &q.method));
    q.body = read_body(t, v->column[5], &params);
    const struct rule *rule = NULL;
    enum rules_verdict verdict = rules_judge(&t->profile, &q, &rule);
    vectors_expect(v, str_of(verdicts[verdict]), v->column[6]);
    vectors_expect(v, rule != NULL ? rule->name : STR(""), v->column[7]);
    if (verdict == RULES_ALLOW) assert_true(rule != NULL && rule->allow);
}

static void U05_to_U08_first_match_wins_and_none_denies(void **state) {
    (void)state;
    static struct table t;
    struct vectors v;
    size_t rows = 0;
    arena_init(&t.arena, 1 << 20);
    t.profile.rules = t.rules;
    vectors_open(&v, "rules.txt");
    while (vectors_next(&v)) {
        if (str_equal(v.column[0], STR("profile"))) {
            t.profile.rule_count = 0;
            t.profile.case_insensitive_paths = str_ends_with(v.column[1], STR(" fold"));
        } else if (str_equal(v.column[0], STR("rule"))) {
            add_rule(&t, &v);
        } else {
            ask(&t, &v);
            rows++;
        }
    }
    assert_true(rows > 140);
    arena_release(&t.arena);
}

/* ---- grants ---- */

static const struct str alice[] = {{"alice", 5}}, both[] = {{"alice", 5}, {"b\xc3\xb6rk", 5}};
static const struct str any[] = {{"*", 1}}, lab[] = {{"101", 3}, {"lab-*", 5}};
static const struct grant grants[] = {
    {.users = both, .user_count = 2, .role = {"user", 4}, .phones = lab, .phone_count = 2},
    {.users = alice, .user_count = 1, .role = {"admin", 5}, .phones = any, .phone_count = 1},
    {.users = both, .user_count = 2, .role = {"late", 4}, .phones = any, .phone_count = 1},
    {.users = alice, .user_count = 0, .role = {"nobody", 6}, .phones = any, .phone_count = 1},
};

static const struct grant *find(const struct policy *policy, struct str user, struct str phone) {
    const struct grant_question question = {.user = user, .phone_id = phone};
    return grant_find(policy, &question, NULL);
}

static void check_grants(const struct policy *policy) {
    assert_ptr_equal(find(policy, STR("alice"), STR("101")), &grants[0]);
    assert_ptr_equal(find(policy, STR("alice"), STR("lab-7")), &grants[0]);
    assert_ptr_equal(find(policy, STR("alice"), STR("102")), &grants[1]);
    assert_ptr_equal(find(policy, STR("b\xc3\xb6rk"), STR("102")), &grants[2]);
    assert_ptr_equal(find(policy, STR("alice"), STR("LAB-7")), &grants[1]);
    assert_null(find(policy, STR("Alice"), STR("101")));
    assert_null(find(policy, STR("alic"), STR("101")));
    assert_null(find(policy, STR("*"), STR("101")));
    assert_null(find(policy, STR(""), STR("101")));
}

static void the_first_grant_that_names_the_user_and_covers_the_phone_counts(void **state) {
    (void)state;
    const uint64_t key[2] = {1, 2};
    struct policy policy = {.grants = grants, .grant_count = ARRAY_LEN(grants)};
    check_grants(&policy);
    struct grant_index *index = grant_index_new(grants, ARRAY_LEN(grants), key);
    policy.grant_index = index;
    check_grants(&policy);
    grant_index_free(index);
    grant_index_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(U05_to_U08_first_match_wins_and_none_denies),
        cmocka_unit_test(the_first_grant_that_names_the_user_and_covers_the_phone_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
