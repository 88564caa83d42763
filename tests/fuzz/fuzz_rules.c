/* Any list of rules and any question: a body, once seen, never turns a refusal that was final into
 * anything else, an allow always has an allow rule that matches by a second, plain reading, a
 * refusal stays one whatever is added, repeated or put in another order, and the trace that explain
 * shows names the same rule. */
#include <string.h>

#include "policy/access/rules_trace.h"
#include "policy/access/urlpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RULES 6

static const struct str words[] = {{"a", 1}, {"B", 1}, {"/a", 2}, {"*", 1}, {"/*b", 3}, {"", 0}};

/* Entries of rules and what may be sent, and by hand which goes with which: n no, d a deny matches,
 * a an allow does, b both. */
#define ENTRIES 7
#define SENT    7

static const char *const entry_texts[ENTRIES] = {"a", "B", "a=on|1", "a!=on|1", "a=", "*=o*", "b*"};
static const struct param sent[SENT] = {
    {.name = {"a", 1}},
    {.name = {"A", 1}, .value = {"ON", 2}, .kind = PARAM_VALUE_TEXT},
    {.name = {"a", 1}, .value = {"off", 3}, .kind = PARAM_VALUE_TEXT},
    {.name = {"a", 1}, .value = {"", 0}, .kind = PARAM_VALUE_TEXT},
    {.name = {"a", 1}, .value = {"on", 2}, .kind = PARAM_VALUE_UNCLEAR},
    {.name = {"b", 1}, .value = {"on", 2}, .kind = PARAM_VALUE_TEXT},
    {.name = {"x", 1}, .value = {"1", 1}, .kind = PARAM_VALUE_TEXT},
};
static const char *const matches[ENTRIES] = {
    "bbbbbnn", /* a */
    "nnnnnbn", /* B */
    "nbnndnn", /* a=on|1 */
    "bnbbdnn", /* a!=on|1 */
    "dnnbdnn", /* a= */
    "nbbndbn", /* *=o* */
    "nnnnnbn", /* b* */
};

struct input {
    const uint8_t *data;
    size_t size;
};

static unsigned take(struct input *in, unsigned below) {
    if (in->size == 0) return 0;
    in->size--;
    return *in->data++ % below;
}

static void make_rule(struct input *in, struct rule_param *entries, struct rule *rule) {
    *rule = (struct rule){
        .roles = &words[take(in, 2)],
        .role_count = take(in, 2),
        .methods = take(in, 8),
        .paths = &words[2 + take(in, 3)],
        .path_count = 1,
        .params = (enum rule_params)take(in, 3),
        .parameters = &entries[take(in, ENTRIES - 1)],
        .param_count = 1 + take(in, 2),
        .allow = take(in, 2) == 1,
    };
    if (take(in, 2) == 1) rule->class = words[take(in, 2)];
}

static bool goes_with(const struct rule *rule, const struct param *param,
                      const struct rule_param *entries) {
    size_t which = 0;
    while (!(str_equal(param->name, sent[which].name) && param->kind == sent[which].kind &&
             str_equal(param->value, sent[which].value))) {
        which++;
    }
    for (size_t i = 0; i < rule->param_count; i++) {
        char found = matches[(size_t)(rule->parameters - entries) + i][which];
        if (found == 'b' || found == (rule->allow ? 'a' : 'd')) return true;
    }
    return false;
}

/* What the header promises of one rule, with everything known. */
static bool plainly_matches(const struct rule *rule, const struct rules_question *q,
                            const struct rule_param *entries) {
    if (rule->role_count > 0 && !str_equal(rule->roles[0], q->role)) return false;
    if (rule->methods != 0 && !(rule->methods & 1u << q->method)) return false;
    if (!urlpath_matches(rule->paths[0], q->path, false)) return false;
    if (!rule->allow && rule->class.len > 0 && q->lifted_count > 0 &&
        str_equal(rule->class, q->lifted[0])) {
        return false;
    }
    bool all = true, one = false;
    for (size_t i = 0; i < q->params->count; i++) {
        bool listed = goes_with(rule, &q->params->list[i], entries);
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

static void check_known(const struct profile *profile, const struct rules_question *q,
                        const struct rule_param *entries) {
    const struct rule *rule = NULL, *want = NULL;
    enum rules_verdict verdict = rules_judge(profile, q, &rule);
    for (size_t i = 0; i < profile->rule_count && want == NULL; i++) {
        if (plainly_matches(&profile->rules[i], q, entries)) want = &profile->rules[i];
    }
    ENSURE(verdict != RULES_NEED_BODY && verdict != RULES_DENY_UNREAD && rule == want);
    ENSURE((verdict == RULES_ALLOW) == (want != NULL && want->allow));
    check_trace(profile, q);
}

/* More parameters never help, and neither do twice the same or the other way round. */
static void check_more(const struct profile *profile, struct rules_question q,
                       const struct param *extra) {
    struct param list[8];
    const struct rule *rule = NULL, *again = NULL;
    enum rules_verdict verdict = rules_judge(profile, &q, &rule);
    size_t count = 0;
    for (size_t i = q.params->count; i > 0; i--) list[count++] = q.params->list[i - 1];
    for (size_t i = 0; i < q.params->count; i++) list[count++] = q.params->list[i];
    struct params params = {list, count, count};
    q.params = &params;
    ENSURE(rules_judge(profile, &q, &again) == verdict && again == rule);
    list[params.count++] = *extra;
    ENSURE(verdict == RULES_ALLOW || rules_judge(profile, &q, &again) != RULES_ALLOW);
}

/* Unseen first, then seen with each pair of parameters that could be in it. */
static void check_unseen(const struct profile *profile, struct rules_question q,
                         const struct rule_param *entries) {
    const struct rule *rule = NULL;
    q.body = RULES_BODY_UNSEEN;
    enum rules_verdict before = rules_judge(profile, &q, &rule);
    check_trace(profile, &q);
    ENSURE(before != RULES_DENY_UNREAD);
    q.body = RULES_BODY_UNREADABLE;
    enum rules_verdict blind = rules_judge(profile, &q, &rule);
    ENSURE(blind != RULES_NEED_BODY && (blind != RULES_DENY_UNREAD || rule != NULL));
    check_trace(profile, &q);
    q.body = RULES_BODY_SEEN;
    for (size_t i = 0; i < SENT * SENT; i++) {
        struct param pair[2] = {sent[i / SENT], sent[i % SENT]};
        struct params params = {pair, 2, 2};
        q.params = &params;
        check_known(profile, &q, entries);
        enum rules_verdict after = rules_judge(profile, &q, &rule);
        ENSURE(before == RULES_NEED_BODY || before == after);
        /* What nobody could read is never let through where something readable would not be. */
        ENSURE(blind != RULES_ALLOW || after == RULES_ALLOW);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    struct arena arena;
    struct rule rules[RULES];
    struct rule_param entries[ENTRIES];
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ENTRIES; i++)
        ENSURE(rule_param_parse(str_of(entry_texts[i]), &arena, &entries[i]) == RULE_PARAM_OK);
    struct profile profile = {.rules = rules, .rule_count = take(&in, RULES + 1)};
    struct param list[2] = {sent[take(&in, SENT)], sent[take(&in, SENT)]};
    struct params params = {list, take(&in, 3), 2};
    struct rules_question q = {
        .role = words[take(&in, 2)],
        .method = (enum method)take(&in, 3),
        .path = words[2 + take(&in, 3)],
        .params = &params,
        .body = RULES_BODY_NONE,
        .lifted = &words[take(&in, 2)],
        .lifted_count = take(&in, 2),
    };
    const struct param *extra = &sent[take(&in, SENT)];
    for (size_t i = 0; i < profile.rule_count; i++) make_rule(&in, entries, &rules[i]);
    check_known(&profile, &q, entries);
    check_more(&profile, q, extra);
    if (params.count == 0) check_unseen(&profile, q, entries);
    arena_release(&arena);
    return 0;
}
