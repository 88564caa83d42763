#include "policy/access/rules.h"

#include "policy/access/urlpath.h"

enum match {
    MATCH_NO,
    MATCH_YES,
    MATCH_UNREAD, /* yes, because nobody can say what the body holds */
    MATCH_BODY_DECIDES,
};

static bool list_has(const struct str *list, size_t count, struct str item) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal(list[i], item)) return true;
    }
    return false;
}

static bool denies(const struct rule *rule, const struct param *param) {
    for (size_t i = 0; i < rule->param_count; i++) {
        if (rule_param_denies(&rule->parameters[i], param)) return true;
    }
    return false;
}

static bool allows(const struct rule *rule, const struct param *param) {
    for (size_t i = 0; i < rule->param_count; i++) {
        if (rule_param_allows(&rule->parameters[i], param)) return true;
    }
    return false;
}

static bool role_matches(const struct rule *rule, struct str role) {
    return rule->role_count == 0 || list_has(rule->roles, rule->role_count, role);
}

static bool method_matches(const struct rule *rule, enum method method) {
    return rule->methods == 0 || (rule->methods & 1u << method) != 0;
}

static bool path_matches(const struct rule *rule, struct str path, bool fold) {
    for (size_t i = 0; i < rule->path_count; i++) {
        if (urlpath_matches(rule->paths[i], path, fold)) return true;
    }
    return false;
}

static enum match listed_in_allow(const struct rule *rule, const struct rules_question *q) {
    for (size_t i = 0; i < q->params->count; i++) {
        if (!allows(rule, &q->params->list[i])) return MATCH_NO;
    }
    switch (q->body) {
    case RULES_BODY_NONE:
    case RULES_BODY_SEEN:
        return MATCH_YES;
    case RULES_BODY_UNSEEN:
        return MATCH_BODY_DECIDES;
    case RULES_BODY_UNREADABLE:
        return MATCH_NO;
    }
    return MATCH_NO;
}

static enum match listed_in_deny(const struct rule *rule, const struct rules_question *q) {
    for (size_t i = 0; i < q->params->count; i++) {
        if (denies(rule, &q->params->list[i])) return MATCH_YES;
    }
    switch (q->body) {
    case RULES_BODY_NONE:
    case RULES_BODY_SEEN:
        return MATCH_NO;
    case RULES_BODY_UNSEEN:
        return MATCH_BODY_DECIDES;
    case RULES_BODY_UNREADABLE:
        return MATCH_UNREAD;
    }
    return MATCH_YES;
}

static enum match params_match(const struct rule *rule, const struct rules_question *q) {
    switch (rule->params) {
    case RULE_PARAMS_ANY:
        return MATCH_YES;
    case RULE_PARAMS_ABSENT:
        if (!rule->allow) return MATCH_YES;
        return q->params->count == 0 && q->body == RULES_BODY_NONE ? MATCH_YES : MATCH_NO;
    case RULE_PARAMS_LISTED:
        return rule->allow ? listed_in_allow(rule, q) : listed_in_deny(rule, q);
    }
    return rule->allow ? MATCH_NO : MATCH_YES;
}

/* Everything but the parameters. */
static bool rule_is_asked(const struct rule *rule, const struct rules_question *q, bool fold) {
    if (!method_matches(rule, q->method) || !role_matches(rule, q->role)) return false;
    if (!path_matches(rule, q->path, fold)) return false;
    bool lifted =
        !rule->allow && rule->class.len > 0 && list_has(q->lifted, q->lifted_count, rule->class);
    return !lifted;
}

enum rules_verdict rules_judge(const struct profile *profile, const struct rules_question *question,
                               const struct rule **rule) {
    bool body_may_allow = false;    /* a rule passed so far would allow if the body suits it */
    bool body_may_decide = false;   /* a rule passed so far would decide if the body suits it */
    bool unread = false;            /* what decides does so because the body is not readable */
    const struct rule *last = NULL; /* what decides where no body does */
    for (size_t i = 0; i < profile->rule_count && last == NULL; i++) {
        const struct rule *candidate = &profile->rules[i];
        if (!rule_is_asked(candidate, question, profile->case_insensitive_paths)) continue;
        enum match match = params_match(candidate, question);
        unread = match == MATCH_UNREAD;
        if (match == MATCH_YES || match == MATCH_UNREAD) last = candidate;
        if (match != MATCH_BODY_DECIDES) continue;
        body_may_decide = true;
        body_may_allow = body_may_allow || candidate->allow;
    }
    bool last_allows = last != NULL && last->allow;
    *rule = last;
    if (body_may_decide && (body_may_allow || last_allows)) {
        *rule = NULL;
        return RULES_NEED_BODY;
    }
    if (unread) return RULES_DENY_UNREAD;
    return last_allows ? RULES_ALLOW : RULES_DENY;
}
