/* The list "harden" of a profile. */
#include "policy/harden/harden.h"
#include "proxy/config/loader.h"

struct harden_draft {
    struct str setting, confirm, differs_from, empty_changed, empty_before, empty_since, place, why;
    const struct str *values, *factory, *models;
    size_t value_count, factory_count, model_count;
    uint32_t step, at_most;
    int want, probe, severity, perm;
    bool secret, optional, restart, passing;
};

enum { WANT_ABSENT = -1 };

static const struct reader_word wants[] = {
    {"set", HARDEN_SET}, {"empty", HARDEN_EMPTY}, {"expected", HARDEN_EXPECTED}, {NULL, 0}};
static const struct reader_word probes[] = {{"login", HARDEN_PROBE_LOGIN},
                                            {"digest", HARDEN_PROBE_DIGEST},
                                            {"https", HARDEN_PROBE_HTTPS},
                                            {"factory-password", HARDEN_PROBE_FACTORY},
                                            {NULL, 0}};
static const struct reader_word severities[] = {{"note", HARDEN_NOTE},
                                                {"low", HARDEN_LOW},
                                                {"medium", HARDEN_MEDIUM},
                                                {"high", HARDEN_HIGH},
                                                {NULL, 0}};
static const struct reader_word perms[] = {
    {"R", PROVISION_R}, {"RW", PROVISION_RW}, {"!", PROVISION_USER}, {NULL, 0}};

#define AT(field) offsetof(struct harden_draft, field)
#define TEXT(key, field, must)                                                                     \
    { .name = (key), .type = READER_STR, .required = (must), .offset = AT(field) }
#define LIST(key, field, count)                                                                    \
    { .name = (key), .type = READER_STRS, .min = 1, .offset = AT(field), .count_offset = AT(count) }
#define WORD(key, field, list, otherwise)                                                          \
    {                                                                                              \
        .name = (key), .type = READER_WORD, .offset = AT(field), .words = (list),                  \
        .absent = (otherwise)                                                                      \
    }
static const struct reader_key harden_keys[] = {
    {.name = "step",
     .type = READER_U32,
     .offset = AT(step),
     .min = 1,
     .max = HARDEN_STEP_MAX,
     .absent = HARDEN_BEYOND},
    TEXT("setting", setting, true),
    WORD("want", want, wants, WANT_ABSENT),
    LIST("values", values, value_count),
    {.name = "at_most",
     .type = READER_U32,
     .offset = AT(at_most),
     .min = 1,
     .max = 1000000,
     .absent = 0},
    WORD("probe", probe, probes, HARDEN_PROBE_NONE),
    WORD("severity", severity, severities, HARDEN_MEDIUM),
    WORD("perm", perm, perms, PROVISION_R),
    {.name = "secret", .type = READER_BOOL, .offset = AT(secret)},
    {.name = "optional", .type = READER_BOOL, .offset = AT(optional)},
    {.name = "restart", .type = READER_BOOL, .offset = AT(restart)},
    {.name = "passing", .type = READER_BOOL, .offset = AT(passing)},
    LIST("factory", factory, factory_count),
    LIST("models", models, model_count),
    TEXT("confirm", confirm, false),
    TEXT("differs_from", differs_from, false),
    TEXT("empty_changed", empty_changed, false),
    TEXT("empty_before", empty_before, false),
    TEXT("empty_since", empty_since, false),
    TEXT("place", place, false),
    TEXT("why", why, true),
    {.name = NULL},
};
#undef AT

/* Exactly one of the three keys says what is wanted. */
static enum harden_check read_check(const struct reader *r, const config_setting_t *group,
                                    const struct harden_draft *draft) {
    int said = (draft->want != WANT_ABSENT) + (draft->value_count > 0) + (draft->at_most > 0);
    if (said != 1)
        reader_error(r, group, "one of \"want\", \"values\" and \"at_most\" says what is wanted");
    if (draft->want != WANT_ABSENT) return (enum harden_check)draft->want;
    return draft->value_count > 0 ? HARDEN_VALUES : HARDEN_AT_MOST;
}

bool load_setting_is_good(struct str name, bool pattern) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool good = ascii_is_alpha(c) || ascii_is_digit(c) || c == '_' || (pattern && c == '*');
        if (!good) return false;
    }
    return name.len <= DUMP_NAME_MAX;
}

static void check_names(const struct reader *r, const config_setting_t *group,
                        const struct harden_draft *draft, enum harden_check check) {
    const struct {
        const char *key;
        struct str name;
    } names[] = {{"setting", draft->setting},
                 {"confirm", draft->confirm},
                 {"differs_from", draft->differs_from}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bool pattern = i == 0 && check == HARDEN_EMPTY;
        if (!load_setting_is_good(names[i].name, pattern))
            reader_error(r, reader_at(group, names[i].key),
                         "\"%.80s\" is no name of a setting: A-Z a-z 0-9 _%s, at most 64",
                         names[i].name.ptr, pattern ? " *" : "");
    }
    if (draft->secret && draft->perm == PROVISION_USER)
        reader_error(r, reader_at(group, "perm"),
                     "a secret with \"!\" would keep a password that somebody changed");
    bool firmware = draft->empty_changed.len > 0, known;
    if (firmware != (draft->empty_before.len > 0) || firmware != (draft->empty_since.len > 0))
        reader_error(r, group,
                     "\"empty_changed\", \"empty_before\" and \"empty_since\" go together");
    (void)harden_firmware_before(draft->empty_changed, draft->empty_changed, &known);
    if (firmware && !known)
        reader_error(r, reader_at(group, "empty_changed"), "\"%.40s\" is no firmware: 10.1.185.0",
                     draft->empty_changed.ptr);
}

static void load_one(const struct reader *r, const config_setting_t *group,
                     struct harden_rule *rule) {
    struct harden_draft draft = {0};
    if (!reader_group(r, group, "harden", harden_keys, &draft)) return;
    enum harden_check check = read_check(r, group, &draft);
    check_names(r, group, &draft, check);
    *rule = (struct harden_rule){
        .step = draft.step,
        .setting = draft.setting,
        .check = check,
        .probe = (enum harden_probe)draft.probe,
        .severity = (enum harden_severity)draft.severity,
        .perm = (enum provision_perm)draft.perm,
        .secret = draft.secret,
        .optional = draft.optional,
        .restart = draft.restart,
        .passing = draft.passing,
        .at_most = draft.at_most,
        .values = draft.values,
        .factory = draft.factory,
        .models = draft.models,
        .value_count = draft.value_count,
        .factory_count = draft.factory_count,
        .model_count = draft.model_count,
        .confirm = draft.confirm,
        .differs_from = draft.differs_from,
        .empty_changed = draft.empty_changed,
        .empty_before = draft.empty_before,
        .empty_since = draft.empty_since,
        .place = draft.place,
        .why = draft.why,
    };
}

const struct harden_rule *load_harden(const struct reader *r, const config_setting_t *list,
                                      size_t *count) {
    *count = 0;
    if (list == NULL) return NULL;
    size_t length = (size_t)config_setting_length(list);
    if (length > HARDEN_RULES_MAX) {
        reader_error(r, list, "\"harden\" has more than %d elements", HARDEN_RULES_MAX);
        return NULL;
    }
    struct harden_rule *rules = reader_alloc(r, length, sizeof(*rules));
    for (size_t i = 0; i < length; i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        if (config_setting_is_group(group)) load_one(r, group, &rules[i]);
    }
    *count = length;
    return rules;
}
