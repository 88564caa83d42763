#include "policy/harden/harden.h"

#include "policy/access/urlpath.h"
#include "policy/harden/harden_parts.h"

enum { OWN_FINDINGS_MAX = 16 }; /* that harden_judge_probe gives */

const char *harden_state_str(enum harden_state state) {
    static const char *const names[] = {"holds", "fails", "unknown", "closed"};
    return names[state];
}

const char *harden_severity_str(enum harden_severity level) {
    static const char *const names[] = {"note", "low", "medium", "high"};
    return names[level];
}

const char *harden_step_str(unsigned step) {
    static const char *const names[] = {"none", "1", "2", "3", "4", "beyond"};
    return names[step < ARRAY_LEN(names) ? step : 0];
}

/* The last word of the form 1.2.3.4, as numbers; missing parts are 0. */
static bool firmware_parts(struct str text, uint64_t parts[4]) {
    size_t from = text.len;
    while (from > 0 && text.ptr[from - 1] != ' ' && text.ptr[from - 1] != '-') from--;
    struct str rest = str_part(text, from, text.len), piece;
    size_t count = 0;
    while (count < 4 && str_split(&rest, '.', &piece)) {
        if (!str_to_u64(piece, 1000000, &parts[count++])) return false;
    }
    for (size_t i = count; i < 4; i++) parts[i] = 0;
    return count > 1 && rest.ptr == NULL;
}

bool harden_firmware_before(struct str a, struct str b, bool *known) {
    uint64_t left[4], right[4];
    *known = firmware_parts(a, left) && firmware_parts(b, right);
    for (size_t i = 0; *known && i < 4; i++) {
        if (left[i] != right[i]) return left[i] < right[i];
    }
    return false;
}

bool harden_rule_is_for(const struct harden_rule *rule, struct str model) {
    if (str_starts_with_icase(model, STR("snom"))) model = str_part(model, 4, model.len);
    for (size_t i = 0; i < rule->model_count; i++) {
        if (str_equal_icase(rule->models[i], model)) return true;
    }
    return rule->model_count == 0;
}

bool harden_wui_is_off(const struct harden_facts *facts) {
    return facts->wui_off_wanted && facts->plain == HARDEN_PLAIN_REFUSED &&
           facts->https == HARDEN_PORT_CLOSED;
}

void harden_add(struct harden_judging *j, const struct harden_finding *finding) {
    ENSURE(j->report->count < j->capacity);
    struct harden_finding *kept = &j->report->findings[j->report->count++];
    *kept = *finding;
    if (kept->state == HARDEN_UNKNOWN && kept->severity > HARDEN_MEDIUM)
        kept->severity = HARDEN_MEDIUM;
    if (kept->state == HARDEN_HOLDS) kept->mend = STR("");
}

/* The worse of two: what fails anywhere fails, and one source that knows is enough. */
static struct harden_evidence worse(struct harden_evidence a, struct harden_evidence b) {
    if (a.state == HARDEN_UNKNOWN && b.state == HARDEN_UNKNOWN) return b.seen.len > 0 ? b : a;
    if (a.state == HARDEN_FAILS || b.state == HARDEN_UNKNOWN) return a;
    return a.state == HARDEN_HOLDS && b.state == HARDEN_HOLDS ? a : b;
}

/* What nobody can ask any more rests on what the phone was provisioned with. */
static struct harden_evidence unless_closed(const struct harden_judging *j,
                                            const struct harden_rule *rule,
                                            struct harden_evidence evidence) {
    bool closed = rule->step <= HARDEN_STEP_MAX && evidence.state == HARDEN_UNKNOWN &&
                  j->facts->provisioned && harden_wui_is_off(j->facts);
    return closed ? (struct harden_evidence){HARDEN_CLOSED, STR("web interface off, provisioned")}
                  : evidence;
}

static void add_for_rule(struct harden_judging *j, const struct harden_rule *rule, struct str name,
                         struct harden_evidence known) {
    struct harden_evidence evidence = unless_closed(j, rule, known);
    struct harden_finding finding = {
        .step = rule->step,
        .state = evidence.state,
        .severity = rule->severity,
        .about = HARDEN_ABOUT_SETTING,
        .rule = rule,
        .name = name,
        .seen = evidence.seen,
        .wanted = harden_wanted(j, rule),
        .why = rule->why,
    };
    finding.mend = harden_mend(j, rule, name, finding.wanted, finding.state);
    harden_add(j, &finding);
}

/* A rule whose name has a '*': each setting that breaks it, or one finding that none does. */
static void judge_each(struct harden_judging *j, const struct harden_rule *rule) {
    const struct dump *settings = j->facts->settings;
    struct harden_evidence all = {HARDEN_UNKNOWN, STR("not read")};
    size_t named = 0, broken = 0;
    for (size_t i = 0; settings != NULL && i < settings->count; i++) {
        const struct dump_entry *entry = &settings->entries[i];
        if (!urlpath_matches(rule->setting, entry->name, false)) continue;
        all = harden_from_setting(j, rule, entry);
        named++;
        if (all.state == HARDEN_HOLDS) continue;
        if (++broken <= HARDEN_EACH_MAX) add_for_rule(j, rule, harden_keep(j, entry->name), all);
    }
    if (broken > 0 || (settings != NULL && named == 0 && rule->optional)) return;
    if (named == 0 && settings != NULL) all.seen = STR("not named by the phone");
    add_for_rule(j, rule, rule->setting, all);
}

static void judge_one(struct harden_judging *j, const struct harden_rule *rule) {
    const struct dump *settings = j->facts->settings;
    const struct dump_entry *entry = settings == NULL ? NULL : dump_find(settings, rule->setting);
    struct harden_evidence said = harden_from_probe(j->facts, rule);
    if (settings != NULL && entry == NULL && rule->optional && said.state == HARDEN_UNKNOWN) return;
    add_for_rule(j, rule, rule->setting, worse(harden_from_setting(j, rule, entry), said));
}

static void judge_rule(struct harden_judging *j, const struct harden_rule *rule) {
    if (rule->model_count > 0 && j->facts->model.len == 0) {
        struct harden_evidence none = {HARDEN_UNKNOWN, STR("model not known")};
        add_for_rule(j, rule, rule->setting, none);
        return;
    }
    if (!harden_rule_is_for(rule, j->facts->model)) return;
    if (str_find(rule->setting, '*', 0) < rule->setting.len)
        judge_each(j, rule);
    else
        judge_one(j, rule);
}

/* A step holds where all its findings hold, and there is one; it is closed where only that keeps
 * it from holding. */
static void sum_up(struct harden_report *report) {
    for (unsigned step = 0; step < HARDEN_STEPS; step++) {
        bool any = false, fails = false, unknown = false, closed = false;
        for (size_t i = 0; i < report->count; i++) {
            if (report->findings[i].step != step) continue;
            any = true;
            fails |= report->findings[i].state == HARDEN_FAILS;
            unknown |= report->findings[i].state == HARDEN_UNKNOWN;
            closed |= report->findings[i].state == HARDEN_CLOSED;
        }
        report->steps[step] = fails             ? HARDEN_FAILS
                              : unknown || !any ? HARDEN_UNKNOWN
                              : closed          ? HARDEN_CLOSED
                                                : HARDEN_HOLDS;
    }
}

bool harden_judge(const struct harden_rule *rules, size_t count, const struct harden_facts *facts,
                  struct arena *arena, struct harden_report *report) {
    struct harden_judging j = {.facts = facts, .arena = arena, .report = report};
    *report = (struct harden_report){0};
    ENSURE(count <= HARDEN_RULES_MAX);
    j.capacity = OWN_FINDINGS_MAX;
    for (size_t i = 0; i < count; i++) {
        bool each = str_find(rules[i].setting, '*', 0) < rules[i].setting.len;
        j.capacity += each ? HARDEN_EACH_MAX : 1;
    }
    report->findings = arena_alloc(arena, j.capacity * sizeof(*report->findings));
    if (report->findings == NULL) return false;
    for (size_t i = 0; i < count; i++) judge_rule(&j, &rules[i]);
    harden_judge_probe(&j);
    sum_up(report);
    if (j.no_memory) *report = (struct harden_report){0};
    return !j.no_memory;
}
