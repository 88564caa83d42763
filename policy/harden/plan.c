#include "policy/harden/plan.h"

struct planning {
    const struct plan_source *source;
    struct arena *arena;
    struct plan *plan;
    bool failed;
};

const char *plan_stage_str(enum plan_stage stage) {
    static const char *const names[PLAN_STAGES] = {"access", "settings", "restart", "closing"};
    return names[stage];
}

const struct plan_change *plan_find(const struct plan *plan, struct str setting) {
    for (size_t i = 0; i < plan->count; i++)
        if (str_equal(plan->changes[i].setting, setting)) return &plan->changes[i];
    return NULL;
}

static enum plan_stage stage_of(const struct harden_rule *rule) {
    if (rule->restart) return PLAN_RESTART;
    if (rule->step == 1) return PLAN_ACCESS;
    if (rule->step == 2) return rule->check == HARDEN_SET ? PLAN_ACCESS : PLAN_CLOSING;
    return PLAN_SETTINGS;
}

static void add(struct planning *p, const struct plan_change *change) {
    if (p->failed || plan_find(p->plan, change->setting) != NULL) return;
    if (p->plan->count == PLAN_CHANGES_MAX) {
        p->failed = true;
        return;
    }
    p->plan->changes[p->plan->count++] = *change;
}

/* The value that a rule wants, kept in the arena; .ptr is NULL where nobody knows one. */
static struct str wanted_value(struct planning *p, const struct harden_rule *rule) {
    char text[HARDEN_TEXT_MAX];
    struct outbuf out;
    outbuf_init(&out, text, sizeof(text));
    if (!harden_value(rule, p->source->facts, &out) || out.full) return STR_NONE;
    struct str kept = arena_copy(p->arena, outbuf_str(&out));
    p->failed |= kept.ptr == NULL;
    return kept;
}

static struct plan_change change_for(const struct harden_rule *rule, struct str name) {
    return (struct plan_change){.setting = name,
                                .confirm = rule->confirm,
                                .secret = rule->secret,
                                .optional = rule->optional || rule->step == HARDEN_BEYOND,
                                .stage = stage_of(rule),
                                .step = rule->step,
                                .why = rule->why};
}

/* Passwords of the guide's steps are the site's own; what goes beyond has nobody to say a value. */
static bool is_own(const struct harden_rule *rule) {
    return rule->check == HARDEN_SET && rule->step != HARDEN_BEYOND;
}

static void add_finding(struct planning *p, const struct plan_options *options,
                        const struct harden_finding *finding) {
    const struct harden_rule *rule = finding->rule;
    if (rule == NULL || finding->state == HARDEN_HOLDS || finding->state == HARDEN_CLOSED) return;
    bool beyond = rule->step == HARDEN_BEYOND;
    if (beyond && (!options->beyond || finding->state != HARDEN_FAILS)) return;
    struct plan_change change = change_for(rule, finding->name);
    change.state = finding->state;
    change.seen = finding->seen;
    change.own = is_own(rule);
    if (!change.own) change.value = wanted_value(p, rule);
    if (change.own || change.value.ptr != NULL)
        add(p, &change);
    else
        p->plan->by_hand[p->plan->by_hand_count++] = *finding;
}

static const struct harden_finding *finding_of(const struct harden_report *report,
                                               struct str setting) {
    for (size_t i = 0; i < report->count; i++)
        if (report->findings[i].rule != NULL && str_equal(report->findings[i].name, setting))
            return &report->findings[i];
    return NULL;
}

static void add_want(struct planning *p, const struct plan_want *want) {
    const struct harden_rule *rules = p->source->rules;
    const struct harden_finding *finding = finding_of(p->source->report, want->setting);
    struct plan_change change = {.setting = want->setting,
                                 .secret = true,
                                 .stage = PLAN_ACCESS,
                                 .step = 1,
                                 .seen = STR("not read"),
                                 .state = HARDEN_UNKNOWN,
                                 .why = STR("")};
    for (size_t i = p->source->rule_count; i > 0; i--) { /* the first rule about it decides */
        if (str_equal(rules[i - 1].setting, want->setting))
            change = change_for(&rules[i - 1], want->setting);
    }
    change.optional = false;
    change.state = finding == NULL ? HARDEN_UNKNOWN : finding->state;
    if (finding != NULL) change.seen = finding->seen;
    change.value = want->value;
    change.own = want->value.ptr == NULL;
    add(p, &change);
}

/* In one stage what says how passwords are asked for comes before the passwords. */
static unsigned rank(const struct plan_change *change) {
    return 2 * (unsigned)change->stage + (change->own ? 1 : 0);
}

/* By insertion: few, and those of one rank stay as they are. */
static void put_in_order(struct plan *plan) {
    for (size_t i = 1; i < plan->count; i++) {
        struct plan_change moved = plan->changes[i];
        size_t at = i;
        for (; at > 0 && rank(&plan->changes[at - 1]) > rank(&moved); at--)
            plan->changes[at] = plan->changes[at - 1];
        plan->changes[at] = moved;
    }
}

bool plan_make(const struct plan_source *source, const struct plan_options *options,
               struct arena *arena, struct plan *plan) {
    const struct harden_report *report = source->report;
    struct planning p = {.source = source, .arena = arena, .plan = plan};
    *plan = (struct plan){0};
    plan->changes = arena_alloc(arena, PLAN_CHANGES_MAX * sizeof(*plan->changes));
    plan->by_hand = arena_alloc(arena, (report->count + 1) * sizeof(*plan->by_hand));
    if (plan->changes == NULL || plan->by_hand == NULL) return false;
    for (size_t i = 0; i < options->want_count; i++) add_want(&p, &options->wants[i]);
    for (size_t i = 0; i < report->count && !options->only_wants; i++)
        add_finding(&p, options, &report->findings[i]);
    put_in_order(plan);
    if (p.failed) *plan = (struct plan){0};
    return !p.failed;
}
