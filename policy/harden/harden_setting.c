/* What the value of a setting says, and how that is put into words. */
#include <string.h>

#include "policy/base/bytes.h"
#include "policy/base/outbuf.h"
#include "policy/harden/harden_parts.h"

struct str harden_keep(struct harden_judging *j, struct str text) {
    struct str kept = arena_copy(j->arena, text);
    if (kept.ptr != NULL) return kept;
    j->no_memory = true;
    return STR("");
}

/* A value that may be shown: printable, cut, and nothing that may hold a password. */
static struct str show(struct harden_judging *j, const struct harden_rule *rule, struct str value) {
    char text[HARDEN_SEEN_MAX];
    if (value.len == 0) return STR("empty");
    if (rule->secret || rule->check == HARDEN_SET) return STR("set");
    if (str_find(value, '@', 0) < value.len) return STR("set (not shown: it names an account)");
    value = str_part(value, 0, str_find(value, '?', 0)); /* a URL's query may hold anything */
    size_t len = value.len < sizeof(text) ? value.len : sizeof(text);
    for (size_t i = 0; i < len; i++) {
        char c = value.ptr[i];
        text[i] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
    }
    return len == 0 ? STR("set") : harden_keep(j, (struct str){text, len});
}

static bool is_one_of(struct str value, const struct str *list, size_t count) {
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        if (value.len != list[i].len) continue;
        if (value.len == 0 || bytes_equal_ct(value.ptr, list[i].ptr, value.len)) found = true;
    }
    return found;
}

/* The phone shows stars instead of a secret, always as many. */
static bool is_mask(struct str value) {
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != '*') return false;
    }
    return value.len > 0;
}

static bool equals_other(const struct harden_judging *j, const struct harden_rule *rule,
                         struct str value) {
    if (rule->differs_from.len == 0 || j->facts->settings == NULL || is_mask(value)) return false;
    const struct dump_entry *other = dump_find(j->facts->settings, rule->differs_from);
    return other != NULL && other->value.len == value.len &&
           bytes_equal_ct(other->value.ptr, value.ptr, value.len);
}

static struct harden_evidence empty_value(struct harden_judging *j,
                                          const struct harden_rule *rule) {
    char text[HARDEN_TEXT_MAX];
    struct outbuf out;
    bool known = false;
    if (rule->empty_changed.len == 0) return (struct harden_evidence){HARDEN_FAILS, STR("empty")};
    bool before = harden_firmware_before(j->facts->firmware, rule->empty_changed, &known);
    if (!known) return (struct harden_evidence){HARDEN_FAILS, STR("empty")};
    outbuf_init(&out, text, sizeof(text));
    outbuf_put(&out, STR("empty: "));
    outbuf_put(&out, before ? rule->empty_before : rule->empty_since);
    return (struct harden_evidence){HARDEN_FAILS, harden_keep(j, outbuf_str(&out))};
}

static struct harden_evidence judge_set(struct harden_judging *j, const struct harden_rule *rule,
                                        struct str value) {
    if (value.len == 0) return empty_value(j, rule);
    if (is_one_of(value, rule->factory, rule->factory_count))
        return (struct harden_evidence){HARDEN_FAILS, STR("factory")};
    if (equals_other(j, rule, value))
        return (struct harden_evidence){HARDEN_FAILS, STR("set, the same as another password")};
    return (struct harden_evidence){HARDEN_HOLDS, STR("set")};
}

static struct harden_evidence judge_expected(struct harden_judging *j,
                                             const struct harden_rule *rule, struct str value) {
    struct harden_evidence said = {HARDEN_UNKNOWN, show(j, rule, value)};
    for (size_t i = 0; i < j->facts->expected_count; i++) {
        const struct harden_expect *expect = &j->facts->expected[i];
        if (!str_equal(expect->setting, rule->setting)) continue;
        said.state = str_equal(expect->value, value) ? HARDEN_HOLDS : HARDEN_FAILS;
    }
    return said;
}

static bool value_is_good(const struct harden_judging *j, const struct harden_rule *rule,
                          struct str value) {
    uint64_t number;
    switch (rule->check) {
    case HARDEN_EMPTY:
        return value.len == 0;
    case HARDEN_AT_MOST:
        return str_to_u64(value, rule->at_most, &number) && number > 0;
    case HARDEN_VALUES:
        if (j->facts->wui_off_wanted && rule->probe == HARDEN_PROBE_HTTPS)
            return str_equal(value, STR("off"));
        return is_one_of(value, rule->values, rule->value_count);
    case HARDEN_SET:
    case HARDEN_EXPECTED:
        break;
    }
    return false;
}

struct harden_evidence harden_from_setting(struct harden_judging *j, const struct harden_rule *rule,
                                           const struct dump_entry *entry) {
    if (j->facts->settings == NULL)
        return (struct harden_evidence){HARDEN_UNKNOWN, STR("not read")};
    if (entry == NULL)
        return (struct harden_evidence){HARDEN_UNKNOWN, STR("not named by the phone")};
    if (entry->unclear) return (struct harden_evidence){HARDEN_UNKNOWN, STR("unclear")};
    if (rule->check == HARDEN_SET) return judge_set(j, rule, entry->value);
    if (rule->check == HARDEN_EXPECTED) return judge_expected(j, rule, entry->value);
    bool good = value_is_good(j, rule, entry->value);
    return (struct harden_evidence){good ? HARDEN_HOLDS : HARDEN_FAILS,
                                    show(j, rule, entry->value)};
}

static void put_values(struct outbuf *out, const struct harden_rule *rule) {
    for (size_t i = 0; i < rule->value_count; i++) {
        if (i > 0) outbuf_put(out, STR(" or "));
        if (rule->values[i].len == 0) outbuf_put(out, STR("empty"));
        outbuf_put(out, rule->values[i]);
    }
}

struct str harden_wanted(struct harden_judging *j, const struct harden_rule *rule) {
    char text[HARDEN_TEXT_MAX];
    struct outbuf out;
    outbuf_init(&out, text, sizeof(text));
    switch (rule->check) {
    case HARDEN_SET:
        outbuf_put(&out, rule->factory_count > 0 ? STR("set, not the factory's") : STR("set"));
        break;
    case HARDEN_EMPTY:
        outbuf_put(&out, STR("empty"));
        break;
    case HARDEN_AT_MOST:
        outbuf_put(&out, STR("1 to "));
        outbuf_u64(&out, rule->at_most);
        break;
    case HARDEN_EXPECTED:
        outbuf_put(&out, STR("as the site expects"));
        break;
    case HARDEN_VALUES:
        if (j->facts->wui_off_wanted && rule->probe == HARDEN_PROBE_HTTPS)
            outbuf_put(&out, STR("off"));
        else
            put_values(&out, rule);
        break;
    }
    return harden_keep(j, outbuf_str(&out));
}

static void put_action(struct outbuf *out, const struct harden_rule *rule, struct str name,
                       struct str wanted) {
    if (rule->check == HARDEN_EMPTY) {
        outbuf_put(out, STR("Empty "));
        outbuf_put(out, name);
    } else if (rule->check == HARDEN_SET) {
        outbuf_put(out, STR("Give "));
        outbuf_put(out, name);
        outbuf_put(out, STR(" a value of its own"));
    } else {
        outbuf_put(out, STR("Set "));
        outbuf_put(out, name);
        outbuf_put(out, rule->check == HARDEN_EXPECTED ? STR(" ") : STR(" to "));
        outbuf_put(out, wanted);
    }
    if (rule->confirm.len == 0) return;
    outbuf_put(out, STR(", and the same in "));
    outbuf_put(out, rule->confirm);
}

struct str harden_mend(struct harden_judging *j, const struct harden_rule *rule, struct str name,
                       struct str wanted, enum harden_state state) {
    char text[2 * HARDEN_TEXT_MAX];
    struct outbuf out;
    if (state == HARDEN_HOLDS || state == HARDEN_CLOSED) return STR("");
    if (state == HARDEN_UNKNOWN && rule->check == HARDEN_EXPECTED && j->facts->settings != NULL)
        return STR("Say in the configuration what this site expects.");
    if (state == HARDEN_UNKNOWN && harden_wui_is_off(j->facts))
        return STR("Provision it; an audit that finds the file (phonegate harden --provision) "
                   "believes that.");
    if (state == HARDEN_UNKNOWN)
        return STR("Let the gate read the phone's settings, through its service account.");
    outbuf_init(&out, text, sizeof(text));
    put_action(&out, rule, name, wanted);
    if (rule->place.len > 0) {
        outbuf_put(&out, STR(" ("));
        outbuf_put(&out, rule->place);
        outbuf_put(&out, STR(")"));
    }
    outbuf_put(&out, STR(", or provision it"));
    outbuf_put(&out, rule->restart ? STR("; then restart the phone.") : STR("."));
    return harden_keep(j, outbuf_str(&out));
}

bool harden_value(const struct harden_rule *rule, const struct harden_facts *facts,
                  struct outbuf *out) {
    switch (rule->check) {
    case HARDEN_EMPTY:
        return true;
    case HARDEN_AT_MOST:
        outbuf_u64(out, rule->at_most);
        return !out->full;
    case HARDEN_VALUES:
        if (facts->wui_off_wanted && rule->probe == HARDEN_PROBE_HTTPS)
            outbuf_put(out, STR("off"));
        else
            outbuf_put(out, rule->values[0]);
        return !out->full;
    case HARDEN_EXPECTED:
        for (size_t i = 0; i < facts->expected_count; i++) {
            if (!str_equal(facts->expected[i].setting, rule->setting)) continue;
            outbuf_put(out, facts->expected[i].value);
            return !out->full;
        }
        return false;
    case HARDEN_SET:
        break;
    }
    return false;
}
