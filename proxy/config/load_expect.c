/* What the site expects of settings that a profile can only name (want = "expected"): the group
 * "expect" in "hardening", and in a phone, where it goes before that. */
#include "policy/harden/harden.h"
#include "proxy/config/loader.h"

/* Is there anything in front of the host? */
static bool names_account(struct str value) {
    size_t colon = str_find(value, ':', 0);
    if (!str_starts_with(str_part(value, colon, 3), STR("://"))) return false;
    size_t at = str_find(value, '@', colon);
    return at < value.len && str_find(value, '/', colon + 3) > at;
}

/* A phone can be given this value, and anybody may see it. */
static void check_value(const struct reader *r, const config_setting_t *at, const char *name,
                        struct str value) {
    if (value.len > HARDEN_TEXT_MAX)
        reader_error(r, at, "\"%.64s\" in expect is longer than %d", name, HARDEN_TEXT_MAX);
    if (str_trim(value).len != value.len)
        reader_error(r, at, "\"%.64s\" in expect begins or ends with a blank", name);
    if (names_account(value))
        reader_error(r, at, "\"%.64s\" in expect holds an account: reports and plans show it",
                     name);
}

static bool is_asked(const struct profile *profile, struct str setting) {
    for (size_t i = 0; i < profile->harden_count; i++) {
        const struct harden_rule *rule = &profile->harden[i];
        if (rule->check == HARDEN_EXPECTED && str_equal(rule->setting, setting)) return true;
    }
    return false;
}

/* Any name may be a key here, so the reader's table is made of what is there. */
static struct harden_expect *read_values(struct loader *l, const config_setting_t *group,
                                         size_t *count) {
    const struct reader *r = &l->reader;
    *count = (size_t)config_setting_length(group);
    struct harden_expect *list = reader_alloc(r, *count, sizeof(*list));
    struct reader_key *keys = reader_alloc(r, *count + 1, sizeof(*keys));
    for (size_t i = 0; i < *count; i++)
        keys[i] = (struct reader_key){
            .name = config_setting_name(config_setting_get_elem(group, (unsigned)i)),
            .type = READER_STR,
            .offset = i * sizeof(*list) + offsetof(struct harden_expect, value)};
    (void)reader_group(r, group, "expect", keys, list);
    for (size_t i = 0; i < *count; i++) {
        list[i].setting = arena_copy(r->arena, str_of(keys[i].name));
        ENSURE(list[i].setting.ptr != NULL);
        check_value(r, reader_at(group, keys[i].name), keys[i].name, list[i].value);
    }
    return list;
}

void load_expect(struct loader *l) {
    struct config_hardening *hardening = &l->snapshot->config.hardening;
    const config_setting_t *group = l->snapshot->draft.expect;
    if (group != NULL) hardening->expected = read_values(l, group, &hardening->expected_count);
}

static bool any_asks(const struct loader *l, struct str setting) {
    for (size_t i = 0; i < l->profile_count; i++)
        if (l->profile_list[i] != NULL && is_asked(l->profile_list[i], setting)) return true;
    return false;
}

void load_expect_check(struct loader *l) {
    const struct config_hardening *hardening = &l->snapshot->config.hardening;
    if (l->profile_count == 0 || l->profiles_incomplete) return; /* nobody knows the names */
    for (size_t i = 0; i < hardening->expected_count; i++) {
        struct str setting = hardening->expected[i].setting;
        if (!any_asks(l, setting))
            reader_error(&l->reader, reader_at(l->snapshot->draft.expect, setting.ptr),
                         "unknown key \"%.64s\" in expect: no phone's profile has it in its list "
                         "harden with want = \"expected\"",
                         setting.ptr);
    }
}

static bool stands_in(const struct harden_expect *list, size_t count, struct str setting) {
    for (size_t i = 0; i < count; i++)
        if (str_equal(list[i].setting, setting)) return true;
    return false;
}

void load_expect_phone(struct loader *l, const config_setting_t *group,
                       const struct profile *profile, struct config_phone *phone) {
    const struct config_hardening *site = &l->snapshot->config.hardening;
    phone->expected = site->expected;
    phone->expected_count = site->expected_count;
    if (group == NULL) return;
    size_t own_count, count;
    const struct harden_expect *own = read_values(l, group, &own_count);
    struct harden_expect *all =
        reader_alloc(&l->reader, own_count + site->expected_count, sizeof(*all));
    for (count = 0; count < own_count; count++) {
        struct str setting = own[count].setting;
        all[count] = own[count];
        if (profile != NULL && !is_asked(profile, setting))
            reader_error(&l->reader, reader_at(group, setting.ptr),
                         "unknown key \"%.64s\" in expect: profile \"%.64s\" does not have it in "
                         "its list harden with want = \"expected\"",
                         setting.ptr, profile->name.ptr);
    }
    for (size_t i = 0; i < site->expected_count; i++)
        if (!stands_in(own, own_count, site->expected[i].setting)) all[count++] = site->expected[i];
    phone->expected = all;
    phone->expected_count = count;
}
