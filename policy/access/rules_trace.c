#include "policy/access/rules_trace.h"

/* Does this rule, alone, match? One that waits for the body does not. */
static bool matches(const struct profile *profile, const struct rule *rule,
                    const struct rules_question *question) {
    struct profile one = *profile;
    const struct rule *decided;
    one.rules = rule;
    one.rule_count = 1;
    return rules_judge(&one, question, &decided) != RULES_NEED_BODY && decided != NULL;
}

/* The rule without any condition; those to be asked about are then put back. */
static struct rule bare(const struct rule *rule) {
    static const struct str every_path[] = {{"*", 1}};
    struct rule r = *rule;
    r.role_count = 0;
    r.methods = 0;
    r.paths = every_path;
    r.path_count = 1;
    r.class = STR_NONE;
    r.params = RULE_PARAMS_ANY;
    return r;
}

static bool role_fits(const struct profile *profile, const struct rule *rule,
                      const struct rules_question *question) {
    struct rule r = bare(rule);
    r.role_count = rule->role_count;
    return matches(profile, &r, question);
}

static bool method_fits(const struct profile *profile, const struct rule *rule,
                        const struct rules_question *question) {
    struct rule r = bare(rule);
    r.methods = rule->methods;
    return matches(profile, &r, question);
}

static bool path_fits(const struct profile *profile, const struct rule *rule,
                      const struct rules_question *question) {
    struct rule r = bare(rule);
    r.paths = rule->paths;
    r.path_count = rule->path_count;
    return matches(profile, &r, question);
}

static bool is_lifted(const struct profile *profile, const struct rule *rule,
                      const struct rules_question *question) {
    struct rule r = bare(rule);
    r.class = rule->class;
    return !matches(profile, &r, question);
}

/* The first parameter that alone makes the rule match, or, for an allow, not match. */
static struct str telling_parameter(const struct profile *profile, const struct rule *rule,
                                    const struct rules_question *question) {
    struct rules_question alone = *question;
    alone.body = RULES_BODY_NONE;
    for (size_t i = 0; i < question->params->count; i++) {
        const struct params one = {.list = &question->params->list[i], .count = 1};
        alone.params = &one;
        if (matches(profile, rule, &alone) != rule->allow) return question->params->list[i].name;
    }
    return STR_NONE;
}

/* Role, method, path and class fit: it is what the request carries. */
static struct rules_trace trace_parameters(const struct profile *profile, const struct rule *rule,
                                           const struct rules_question *question) {
    if (!rule->allow) return (struct rules_trace){.miss = RULES_MISS_NO_PARAMETER};
    struct str parameter = telling_parameter(profile, rule, question);
    if (parameter.ptr != NULL) return (struct rules_trace){RULES_MISS_PARAMETER, parameter};
    if (rule->params == RULE_PARAMS_ABSENT)
        return (struct rules_trace){.miss = RULES_MISS_HAS_BODY};
    return (struct rules_trace){.miss = question->body == RULES_BODY_UNSEEN
                                            ? RULES_MISS_BODY_UNREAD
                                            : RULES_MISS_BODY_UNREADABLE};
}

struct rules_trace rules_trace(const struct profile *profile, size_t index,
                               const struct rules_question *question) {
    const struct rule *rule = &profile->rules[index];
    if (matches(profile, rule, question)) {
        bool by_name = !rule->allow && rule->params == RULE_PARAMS_LISTED;
        return (struct rules_trace){
            RULES_MISS_NONE, by_name ? telling_parameter(profile, rule, question) : STR_NONE};
    }
    if (!role_fits(profile, rule, question)) return (struct rules_trace){.miss = RULES_MISS_ROLE};
    if (!method_fits(profile, rule, question))
        return (struct rules_trace){.miss = RULES_MISS_METHOD};
    if (!path_fits(profile, rule, question)) return (struct rules_trace){.miss = RULES_MISS_PATH};
    if (is_lifted(profile, rule, question)) return (struct rules_trace){.miss = RULES_MISS_LIFTED};
    return trace_parameters(profile, rule, question);
}

const char *rules_miss_str(enum rules_miss miss) {
    static const char *const texts[] = {
#define X(name, text) text,
        RULES_MISSES(X)
#undef X
    };
    return (size_t)miss < ARRAY_LEN(texts) ? texts[miss] : "unknown";
}
