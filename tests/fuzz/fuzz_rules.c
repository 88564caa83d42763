/* Any list of rules and any question: a body, once seen, never turns a refusal that was final into
 * anything else, an allow always has an allow rule that matches by a second, plain reading, and the
 * trace that explain shows names the same rule. */
#include <string.h>

#include "policy/access/rules_trace.h"
#include "policy/access/urlpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RULES 6

static const struct str words[] = {{"a", 1}, {"B", 1}, {"/a", 2}, {"*", 1}, {"/*b", 3}, {"", 0}};

struct input {
    const uint8_t *data;
    size_t size;
};

static unsigned take(struct input *in, unsigned below) {
    if (in->size == 0) return 0;
    in->size--;
    return *in->data++ % below;
}

static void make_rule(struct input *in, struct rule *rule) {
    *rule = (struct rule){
        .roles = &words[take(in, 2)],
        .role_count = take(in, 2),
        .methods = take(in, 8),
        .paths = &words[2 + take(in, 3)],
        .path_count = 1,
        .params = (enum rule_params)take(in, 3),
        .param_names = &words[take(in, 2)],
        .param_count = 1 + take(in, 1),
        .allow = take(in, 2) == 1,
    };
    if (take(in, 2) == 1) rule->class = words[take(in, 2)];
}

/* What the header promises of one rule, with everything known. */
static bool plainly_matches(const struct rule *rule, const struct rules_question *q) {
    if (rule->role_count > 0 && !str_equal(rule->roles[0], q->role)) return false;
    if (rule->methods != 0 && !(rule->methods & 1u << q->method)) return false;
    if (!urlpath_matches(rule->paths[0], q->path, false)) return false;
    if (!rule->allow && rule->class.len > 0 && q->lifted_count > 0 &&
        str_equal(rule->class, q->lifted[0])) {
        return false;
    }
    bool all = true, one = false;
    for (size_t i = 0; i < q->params->count; i++) {
        bool listed = str_equal_icase(q->params->names[i], rule->param_names[0]);
        all = all && listed;
        one = one || listed;
    }
    if (rule->params == RULE_PARAMS_ANY) return true;
    if (rule->params == RULE_PARAMS_LISTED) return rule->allow ? all : one;
    return !rule->allow || (q->params->count == 0 && q->body == RULES_BODY_NONE);
}

/* The trace's first rule that matches is the one that decides. */
static void check_trace(const struct profile *profile, const struct rules_question *q) {
    const struct rule *rule = NULL, *traced = NULL;
    if (rules_judge(profile, q, &rule) == RULES_NEED_BODY) return;
    for (size_t i = 0; i < profile->rule_count && traced == NULL; i++) {
        struct rules_trace trace = rules_trace(profile, i, q);
        if (trace.miss == RULES_MISS_NONE) traced = &profile->rules[i];
        ENSURE(trace.miss != RULES_MISS_PARAMETER || trace.parameter.ptr != NULL);
    }
    ENSURE(traced == rule);
}

static void check_known(const struct profile *profile, const struct rules_question *q) {
    const struct rule *rule = NULL, *want = NULL;
    enum rules_verdict verdict = rules_judge(profile, q, &rule);
    for (size_t i = 0; i < profile->rule_count && want == NULL; i++) {
        if (plainly_matches(&profile->rules[i], q)) want = &profile->rules[i];
    }
    ENSURE(verdict != RULES_NEED_BODY && rule == want);
    ENSURE((verdict == RULES_ALLOW) == (want != NULL && want->allow));
    check_trace(profile, q);
}

/* Unseen first, then seen with each list of names that could be in it. */
static void check_unseen(const struct profile *profile, struct rules_question q) {
    static struct str lists[4][2] = {
        {{"a", 1}, {"b", 1}}, {{"a", 1}, {"A", 1}}, {{"b", 1}, {"B", 1}}, {{"x", 1}, {"a", 1}}};
    const struct rule *rule = NULL;
    q.body = RULES_BODY_UNSEEN;
    enum rules_verdict before = rules_judge(profile, &q, &rule);
    check_trace(profile, &q);
    q.body = RULES_BODY_UNREADABLE;
    enum rules_verdict blind = rules_judge(profile, &q, &rule);
    ENSURE(blind != RULES_NEED_BODY);
    q.body = RULES_BODY_SEEN;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct params params = {lists[i], 2, 2};
        q.params = &params;
        check_known(profile, &q);
        enum rules_verdict after = rules_judge(profile, &q, &rule);
        ENSURE(before == RULES_NEED_BODY || before == after);
        /* What nobody could read is never let through where something readable would not be. */
        ENSURE(blind != RULES_ALLOW || after == RULES_ALLOW);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    struct rule rules[RULES];
    struct profile profile = {.rules = rules, .rule_count = take(&in, RULES + 1)};
    struct params params = {0};
    struct str names[2] = {words[take(&in, 2)], {"x", 1}};
    params.names = names;
    params.count = take(&in, 3);
    struct rules_question q = {
        .role = words[take(&in, 2)],
        .method = (enum method)take(&in, 3),
        .path = words[2 + take(&in, 3)],
        .params = &params,
        .body = RULES_BODY_NONE,
        .lifted = &words[take(&in, 2)],
        .lifted_count = take(&in, 2),
    };
    for (size_t i = 0; i < profile.rule_count; i++) make_rule(&in, &rules[i]);
    check_known(&profile, &q);
    if (params.count == 0) check_unseen(&profile, q);
    return 0;
}
