#include "policy/harden/sheet.h"

const char *sheet_verdict_str(enum sheet_verdict verdict) {
    static const char *const names[] = {
        [SHEET_OK] = "ok",
        [SHEET_NO_RULES] = "no_rules",
        [SHEET_MISSING] = "value_missing",
        [SHEET_NOT_TAKEN] = "value_not_taken",
        [SHEET_NOT_READ] = "not_read_back",
        [SHEET_FALLS_SHORT] = "step_falls_short",
        [SHEET_NO_MEMORY] = "no_memory",
    };
    return names[verdict];
}

bool sheet_asks(const struct harden_rule *rule, struct str model) {
    return rule->check == HARDEN_SET && rule->step != HARDEN_BEYOND &&
           harden_rule_is_for(rule, model);
}

static const struct sheet_value *own_value(const struct sheet_wanted *wanted, struct str setting) {
    for (size_t i = 0; i < wanted->own_count; i++)
        if (str_equal(wanted->own[i].setting, setting)) return &wanted->own[i];
    return NULL;
}

static bool stands_there(const struct sheet *sheet, struct str name) {
    for (size_t i = 0; i < sheet->count; i++)
        if (str_equal(sheet->settings[i].name, name)) return true;
    return false;
}

static void add(struct sheet *sheet, const struct provision_setting *setting) {
    sheet->settings[sheet->count++] = *setting;
}

/* A setting and what must be set along with it. */
static void add_for_rule(struct sheet *sheet, const struct harden_rule *rule, struct str value) {
    struct provision_setting setting = {
        .name = rule->setting, .perm = rule->perm, .secret = rule->secret, .value = value};
    add(sheet, &setting);
    setting.name = rule->confirm;
    if (rule->confirm.len > 0) add(sheet, &setting);
}

/* Is this rule's setting written at all? */
static bool is_wanted(const struct sheet_wanted *wanted, const struct harden_rule *rule) {
    if (str_find(rule->setting, '*', 0) < rule->setting.len) return false;
    if (rule->step == HARDEN_BEYOND && (!wanted->beyond || rule->check == HARDEN_SET)) return false;
    return rule->model_count == 0 || wanted->facts->model.len > 0
               ? harden_rule_is_for(rule, wanted->facts->model)
               : false;
}

/* The value that the rule itself knows, in the arena; .ptr NULL: none, or no memory. */
static struct str known_value(const struct sheet_wanted *wanted, const struct harden_rule *rule,
                              struct arena *arena, bool *no_memory) {
    char text[HARDEN_TEXT_MAX];
    struct outbuf out;
    outbuf_init(&out, text, sizeof(text));
    if (!harden_value(rule, wanted->facts, &out) || out.full) return STR_NONE;
    struct str kept = arena_copy(arena, outbuf_str(&out));
    *no_memory = kept.ptr == NULL;
    return kept;
}

static enum sheet_verdict take_rule(const struct sheet_wanted *wanted,
                                    const struct harden_rule *rule, struct arena *arena,
                                    struct sheet *sheet) {
    bool no_memory = false;
    if (!is_wanted(wanted, rule) || stands_there(sheet, rule->setting)) return SHEET_OK;
    if (!sheet_asks(rule, wanted->facts->model)) {
        struct str value = known_value(wanted, rule, arena, &no_memory);
        if (value.ptr != NULL) add_for_rule(sheet, rule, value);
        return no_memory ? SHEET_NO_MEMORY : SHEET_OK;
    }
    const struct sheet_value *own = own_value(wanted, rule->setting);
    sheet->about = rule->setting;
    if (own == NULL || own->value.len == 0) return SHEET_MISSING;
    add_for_rule(sheet, rule, own->value);
    return SHEET_OK;
}

static enum sheet_verdict collect(const struct sheet_wanted *wanted, struct arena *arena,
                                  struct sheet *sheet) {
    /* One for each rule and its confirmation, each value of the site's own, and the restart. */
    size_t room = 2 * wanted->rule_count + wanted->own_count + 1;
    sheet->settings = arena_alloc(arena, room * sizeof(*sheet->settings));
    if (sheet->settings == NULL) return SHEET_NO_MEMORY;
    if (wanted->restart_setting.len > 0)
        add(sheet, &(struct provision_setting){
                       .name = wanted->restart_setting, .first = true, .value = STR("on")});
    for (size_t i = 0; i < wanted->rule_count; i++) {
        enum sheet_verdict verdict = take_rule(wanted, &wanted->rules[i], arena, sheet);
        if (verdict != SHEET_OK) return verdict;
    }
    for (size_t i = 0; i < wanted->own_count; i++) {
        const struct sheet_value *own = &wanted->own[i];
        if (stands_there(sheet, own->setting)) continue;
        add(sheet, &(struct provision_setting){
                       .name = own->setting, .secret = own->secret, .value = own->value});
    }
    return SHEET_OK;
}

/* ---- is it what was meant? ---- */

static bool same_perm(enum provision_perm meant, enum dump_perm read) {
    switch (meant) {
    case PROVISION_R:
        return read == DUMP_PERM_R;
    case PROVISION_RW:
        return read == DUMP_PERM_RW;
    case PROVISION_USER:
        return read == DUMP_PERM_USER;
    }
    return false;
}

static bool reads_back(const struct sheet *sheet, const struct dump *dump) {
    if (dump->count != sheet->count) return false;
    for (size_t i = 0; i < sheet->count; i++) {
        const struct provision_setting *meant = &sheet->settings[i];
        const struct dump_entry *read = dump_find(dump, meant->name);
        if (read == NULL || read->unclear || !same_perm(meant->perm, read->perm)) return false;
        if (!str_equal(read->value, meant->value)) return false;
    }
    return true;
}

/* Would a phone that took exactly this be hardened? */
static enum sheet_verdict judge(const struct sheet_wanted *wanted, const struct dump *dump,
                                struct arena *arena, struct str *about) {
    struct harden_facts facts = {.model = wanted->facts->model,
                                 .settings = dump,
                                 .wui_off_wanted = wanted->facts->wui_off_wanted,
                                 .expected = wanted->facts->expected,
                                 .expected_count = wanted->facts->expected_count};
    struct harden_report report;
    if (!harden_judge(wanted->rules, wanted->rule_count, &facts, arena, &report))
        return SHEET_NO_MEMORY;
    for (size_t i = 0; i < report.count; i++) {
        const struct harden_finding *finding = &report.findings[i];
        *about = finding->name;
        if (finding->step <= HARDEN_STEP_MAX && finding->state != HARDEN_HOLDS)
            return SHEET_FALLS_SHORT;
    }
    for (unsigned step = 1; step <= HARDEN_STEP_MAX; step++) {
        *about = str_of(harden_step_str(step));
        if (report.steps[step] != HARDEN_HOLDS) return SHEET_FALLS_SHORT;
    }
    *about = STR_NONE;
    return SHEET_OK;
}

enum sheet_verdict sheet_check(const struct sheet_wanted *wanted, struct str text,
                               struct arena *arena, struct str *about) {
    struct dump dump;
    *about = STR_NONE;
    if (wanted->rule_count == 0) return SHEET_NO_RULES;
    if (dump_read(text, arena, &dump) != DUMP_OK) return SHEET_NOT_READ;
    return judge(wanted, &dump, arena, about);
}

enum sheet_verdict sheet_make(const struct sheet_wanted *wanted, struct arena *arena,
                              struct outbuf *out, struct sheet *sheet) {
    struct dump dump;
    size_t bad = 0;
    *sheet = (struct sheet){0};
    if (wanted->rule_count == 0) return SHEET_NO_RULES;
    enum sheet_verdict verdict = collect(wanted, arena, sheet);
    if (verdict != SHEET_OK) return verdict;
    enum provision_verdict written = provision_write(sheet->settings, sheet->count, out, &bad);
    if (written == PROVISION_FULL) return SHEET_NO_MEMORY;
    sheet->about = sheet->settings[bad].name;
    if (written != PROVISION_OK) return SHEET_NOT_TAKEN;
    if (dump_read(outbuf_str(out), arena, &dump) != DUMP_OK || !reads_back(sheet, &dump))
        return SHEET_NOT_READ;
    return judge(wanted, &dump, arena, &sheet->about);
}
