#include "policy/harden/provision.h"

#include "policy/harden/dump.h"

static const char *const names[] = {
    [PROVISION_OK] = "ok",
    [PROVISION_BAD_NAME] = "bad_name",
    [PROVISION_BAD_VALUE] = "bad_value",
    [PROVISION_BAD_PERM] = "bad_perm",
    [PROVISION_REPEATED] = "repeated",
    [PROVISION_UNCONFIRMED] = "unconfirmed",
    [PROVISION_FULL] = "full",
};

const char *provision_verdict_str(enum provision_verdict verdict) {
    return names[verdict];
}

static bool name_is_good(struct str name) {
    if (name.len == 0 || name.len > DUMP_NAME_MAX || ascii_is_digit(name.ptr[0])) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '_') return false;
    }
    return true;
}

static bool value_is_good(struct str value) {
    struct str trimmed = str_trim(value);
    if (trimmed.len != value.len || !str_is_utf8(value)) return false;
    for (size_t i = 0; i < value.len; i++) {
        if ((unsigned char)value.ptr[i] < 0x20 || value.ptr[i] == 0x7f) return false;
    }
    return true;
}

static const struct provision_setting *find(const struct provision_setting *settings, size_t count,
                                            struct str name, uint32_t idx) {
    for (size_t i = 0; i < count; i++) {
        if (settings[i].idx == idx && str_equal(settings[i].name, name)) return &settings[i];
    }
    return NULL;
}

/* NAME_confirm stands there for a NAME with the same value: the phone would refuse the password,
 * and the file would claim to have set it. */
static bool is_confirmed(const struct provision_setting *settings, size_t count,
                         const struct provision_setting *one) {
    struct str suffix = STR("_confirm");
    if (!str_ends_with(one->name, suffix)) return true;
    struct str name = str_part(one->name, 0, one->name.len - suffix.len);
    const struct provision_setting *other = find(settings, count, name, one->idx);
    return other != NULL && str_equal(other->value, one->value);
}

static enum provision_verdict check(const struct provision_setting *settings, size_t count,
                                    size_t i) {
    const struct provision_setting *one = &settings[i];
    if (!name_is_good(one->name)) return PROVISION_BAD_NAME;
    if (!value_is_good(one->value)) return PROVISION_BAD_VALUE;
    if (one->secret && one->perm == PROVISION_USER) return PROVISION_BAD_PERM;
    if (find(settings, i, one->name, one->idx) != NULL) return PROVISION_REPEATED;
    return is_confirmed(settings, count, one) ? PROVISION_OK : PROVISION_UNCONFIRMED;
}

static void put_setting(struct outbuf *out, const struct provision_setting *one) {
    static const char *const flags[] = {
        [PROVISION_R] = "R", [PROVISION_RW] = "RW", [PROVISION_USER] = "!"};
    outbuf_put(out, STR("    <"));
    outbuf_put(out, one->name);
    if (one->idx > 0) {
        outbuf_put(out, STR(" idx=\""));
        outbuf_u64(out, one->idx);
        outbuf_char(out, '"');
    }
    outbuf_put(out, STR(" perm=\""));
    outbuf_put(out, str_of(flags[one->perm]));
    outbuf_put(out, STR("\">"));
    outbuf_markup(out, one->value);
    outbuf_put(out, STR("</"));
    outbuf_put(out, one->name);
    outbuf_put(out, STR(">\n"));
}

enum provision_verdict provision_write(const struct provision_setting *settings, size_t count,
                                       struct outbuf *out, size_t *bad) {
    for (size_t i = 0; i < count; i++) {
        enum provision_verdict verdict = check(settings, count, i);
        if (bad != NULL) *bad = i;
        if (verdict != PROVISION_OK) return verdict;
    }
    outbuf_put(out, STR("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<settings>\n"
                        "  <phone-settings e=\"2\">\n"));
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < count; i++) {
            if (settings[i].first == (turn == 0)) put_setting(out, &settings[i]);
        }
    }
    outbuf_put(out, STR("  </phone-settings>\n</settings>\n"));
    return out->full ? PROVISION_FULL : PROVISION_OK;
}
