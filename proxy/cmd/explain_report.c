#include "proxy/cmd/explain_report.h"

#include <string.h>

#include "policy/access/grants.h"

json_t *explain_json_str(struct str s) {
    if (s.len == 0) return json_string("");
    if (str_is_utf8(s)) return json_stringn(s.ptr, s.len);
    char *copy = malloc(s.len);
    ENSURE(copy != NULL);
    for (size_t i = 0; i < s.len; i++) copy[i] = (unsigned char)s.ptr[i] < 0x80 ? s.ptr[i] : '?';
    json_t *string = json_stringn(copy, s.len);
    free(copy);
    return string;
}

/* jansson takes over `value`; without one there is no memory. */
static void put(json_t *object, const char *key, json_t *value) {
    ENSURE(value != NULL && json_object_set_new(object, key, value) == 0);
}

static void put_str(json_t *object, const char *key, struct str value) {
    if (value.len > 0) put(object, key, explain_json_str(value));
}

static json_t *place(struct str name, struct str file, unsigned line) {
    json_t *object = json_object();
    put_str(object, "name", name);
    put_str(object, "file", file);
    put(object, "line", json_integer(line));
    return object;
}

json_t *explain_report_refusal(unsigned status, const char *reason) {
    json_t *report = json_object();
    put(report, "verdict", json_string("refused"));
    put(report, "status", json_integer(status));
    put(report, "reason", json_string(reason));
    return report;
}

/* ---- who and where ---- */

static void put_way(json_t *report, const struct explain_shown *shown, const struct decision *d) {
    put_str(report, "user", shown->user);
    put_str(report, "role", d->role);
    if (d->grant != NULL) put(report, "grant", place(STR_NONE, d->grant->file, d->grant->line));
    if (d->missed.grant != NULL) {
        const struct grant *missed = d->missed.grant;
        json_t *object =
            place(str_of(grant_limit_str(d->missed.limit)), missed->file, missed->line);
        put(report, "lapsed", object);
    }
    if (d->phone != NULL) {
        put_str(report, "phone", d->phone->id);
        put_str(report, "profile", d->phone->profile->name);
    }
    if (d->route == ROUTE_HOST) put(report, "asked", json_string("by name"));
    if (d->route == ROUTE_PATH) put(report, "asked", json_string("by path"));
    put_str(report, "path", d->path.decoded);
}

static const char *sender_text(const struct explain_request *request) {
    switch (request->sender) {
    case EXPLAIN_OWN_PAGE:
        return "a browser on the phone's own page";
    case EXPLAIN_CROSS_SITE:
        return "a browser on another site's page";
    case EXPLAIN_SCRIPT:
        return "a program that is no browser";
    }
    return "";
}

/* Whose page made it ask: as assumed, and what the person said instead. */
static void put_sender(json_t *report, const struct explain_request *request) {
    if (request->sender == EXPLAIN_SCRIPT || request->field_count == 0)
        put(report, "sender", json_string(sender_text(request)));
    else
        put(report, "sender",
            json_sprintf("%s, unless --header says otherwise", sender_text(request)));
}

/* ---- what it carries ---- */

static bool is_listed(const json_t *names, const json_t *name) {
    size_t at;
    json_t *other;
    json_array_foreach(names, at, other) if (json_equal(other, name)) return true;
    return false;
}

/* Every name that some phone could read out of it, once. */
static json_t *parameter_names(const struct params *params) {
    json_t *names = json_array();
    for (size_t i = 0; i < params->count; i++) {
        json_t *name = explain_json_str(params->list[i].name);
        if (!is_listed(names, name)) ENSURE(json_array_append(names, name) == 0);
        json_decref(name);
    }
    return names;
}

static const char *body_text(enum rules_body body) {
    switch (body) {
    case RULES_BODY_NONE:
        return "none";
    case RULES_BODY_UNSEEN:
        return "not looked at";
    case RULES_BODY_SEEN:
        return "judged";
    case RULES_BODY_UNREADABLE:
        return "not readable";
    }
    return "";
}

static void put_question(json_t *report, const struct explain *e) {
    if (!e->trace.asked) return;
    put(report, "parameters", parameter_names(&e->trace.params));
    put(report, "body", json_string(body_text(e->trace.question.body)));
}

/* ---- the rules ---- */

static void put_rule(json_t *report, const struct decision *d) {
    if (d->rule != NULL)
        put(report, "rule", place(d->rule->name, d->rule->file, d->rule->line));
    else if (strcmp(d->reason, decide_reason_str(DECIDE_REASON_NO_RULE)) == 0)
        put(report, "rule", json_null());
}

/* Is it only the value that the rule minds? */
static bool is_named(const struct rule *rule, struct str parameter) {
    for (size_t i = 0; i < rule->param_count; i++)
        if (rule_param_names(&rule->parameters[i], parameter)) return true;
    return false;
}

static json_t *miss_text(const struct rule *rule, const struct rules_trace *trace,
                         const struct rules_question *q) {
    const char *parameter = trace->parameter.ptr;
    int len = trace->parameter.len < 64 ? (int)trace->parameter.len : 64;
    switch (trace->miss) {
    case RULES_MISS_NONE:
        if (parameter == NULL) return json_string("matches");
        return json_sprintf("matches: parameter %.*s is there", len, parameter);
    case RULES_MISS_ROLE:
        return json_sprintf("not for role " STR_FMT, STR_ARG(q->role));
    case RULES_MISS_METHOD:
        return json_sprintf("not for " STR_FMT, STR_ARG(method_name(q->method)));
    case RULES_MISS_PATH:
        return json_string("not for this path");
    case RULES_MISS_LIFTED:
        return json_sprintf("the grant allows " STR_FMT, STR_ARG(rule->class));
    case RULES_MISS_PARAMETER:
        return json_sprintf(is_named(rule, trace->parameter)
                                ? "does not take this value of parameter %.*s"
                                : "does not take parameter %.*s",
                            len, parameter);
    case RULES_MISS_NO_PARAMETER:
        return json_string("none of its parameters is there");
    case RULES_MISS_HAS_BODY:
        return json_string("takes no body");
    case RULES_MISS_BODY_UNREAD:
        return json_string("the body was not looked at");
    case RULES_MISS_BODY_UNREADABLE:
        return json_string("nobody can say what the body holds");
    }
    return NULL;
}

static json_t *traced_rule(const struct rule *rule, const struct rules_trace *trace,
                           const struct rules_question *q) {
    json_t *object = place(rule->name, rule->file, rule->line);
    put(object, "effect", json_string(rule->allow ? "allow" : "deny"));
    put(object, "result", json_string(rules_miss_str(trace->miss)));
    if (trace->parameter.ptr != NULL) put(object, "parameter", explain_json_str(trace->parameter));
    json_t *text = miss_text(rule, trace, q);
    /* A name that is no UTF-8. */
    put(object, "text", text != NULL ? text : json_string(rules_miss_str(trace->miss)));
    return object;
}

static void put_rules(json_t *report, const struct explain *e) {
    const struct profile *profile = e->decision.phone->profile;
    json_t *rules = json_array();
    size_t asked = 0;
    for (bool decided = false; asked < profile->rule_count && !decided; asked++) {
        struct rules_trace trace = rules_trace(profile, asked, &e->trace.question);
        decided = trace.miss == RULES_MISS_NONE;
        json_t *rule = traced_rule(&profile->rules[asked], &trace, &e->trace.question);
        ENSURE(json_array_append_new(rules, rule) == 0);
    }
    put(report, "trace", rules);
    put(report, "rules_not_asked", json_integer((json_int_t)(profile->rule_count - asked)));
}

/* ---- all of it ---- */

static void put_account(json_t *report, const struct config *config, const struct decision *d) {
    const struct config_phone *phone = &config->phones[d->phone->index];
    bool admin = d->admin_account && phone->admin_login.user.len > 0;
    const struct config_account *account = admin ? &phone->admin_login : &phone->login;
    if (account->user.len == 0) {
        put(report, "account", json_null());
        return;
    }
    json_t *object = json_object();
    put(object, "name", json_string(admin ? "admin_login" : "login"));
    put_str(object, "user", account->user);
    put(report, "account", object);
}

/* What only the running gate knows, where it would make a difference. */
static void put_restriction(json_t *report, const struct explain_shown *shown,
                            const struct decision *d) {
    const struct config_hardening *hardening = &shown->config->hardening;
    bool may_be = hardening->on_drift == HARDENING_RESTRICT && hardening->check_every_ms > 0;
    if (!may_be || d->phone == NULL || str_equal(d->role, STR("admin"))) return;
    put(report, "restricted",
        json_string(shown->request->restricted ? "assumed" : "not asked: see --restricted"));
}

json_t *explain_report(const struct explain_shown *shown, enum explain_result result,
                       const struct explain *e) {
    if (result == EXPLAIN_REFUSED)
        return explain_report_refusal(e->refusal.status, e->refusal.reason);
    const struct decision *d = &e->decision;
    json_t *report = json_object();
    bool allowed = d->verdict == DECIDE_FORWARD && d->phone != NULL;
    if (allowed) {
        put(report, "verdict", json_string("allowed"));
        put(report, "reason", json_string(d->reason));
    } else {
        json_decref(report);
        report = explain_report_refusal(d->status, d->reason);
    }
    put_str(report, "detail", d->detail);
    put_way(report, shown, d);
    put_sender(report, shown->request);
    if (d->origin.verdict != ORIGIN_UNCHECKED)
        put(report, "origin", json_string(origin_verdict_str(d->origin.verdict)));
    put_restriction(report, shown, d);
    put_question(report, e);
    put_rule(report, d);
    if (allowed) put_str(report, "sent", d->target);
    if (allowed) put_account(report, shown->config, d);
    if (shown->rules && e->trace.asked) put_rules(report, e);
    return report;
}
